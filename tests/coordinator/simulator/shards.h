// Small shards, made once.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_SHARDS_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_SHARDS_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "tests/testing/image_files.h"
#include "tests/testing/tar_writer.h"

namespace keel::testing {

struct Shard {
  std::string bytes;
  std::string digest;
};

inline Shard MakeShard(int number) {
  TarWriter tar;
  // One to five samples.
  for (int i = 0; i <= number % 5; ++i) {
    const std::string key = absl::StrCat("s", number, "-", i);
    tar.Add(key + ".png", PngFile(8, 8, key));
    tar.Add(key + ".txt", "caption of " + key);
  }
  // A sample that is left out: it has no caption.
  if (number % 3 == 0) tar.Add("bad.png", PngFile(8, 8, "bad"));
  Shard shard{tar.Finish(), ""};
  shard.digest = Sha256Hex(shard.bytes);
  return shard;
}

inline const std::vector<Shard>& Shards() {
  static const auto* const shards = [] {
    auto* made = new std::vector<Shard>;
    for (int i = 0; i < 20; ++i) made->push_back(MakeShard(i));
    return made;
  }();
  return *shards;
}

// No tar at all.
inline const Shard& BadShard() {
  static const auto* const shard =
      new Shard{std::string(2000, 'x'), Sha256Hex(std::string(2000, 'x'))};
  return *shard;
}

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_SHARDS_H_
