// CLIP's byte-pair encoding of single words.
#ifndef KEEL_WORKER_DATA_BPE_H_
#define KEEL_WORKER_DATA_BPE_H_

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace keel {

// Ids: 0 to 255 the bytes, 256 to 511 the bytes at the end of a word, from 512
// on the merges in their order. Immutable, so thread-safe.
class Bpe {
 public:
  // `merges`: one "first second" per line, as embedded_data.h has them.
  explicit Bpe(std::string_view merges);

  // Ids of a word that is not empty. O(n log n) for n bytes.
  std::vector<int32_t> Encode(std::string_view word) const;

 private:
  static uint64_t Key(int32_t first, int32_t second) {
    return (static_cast<uint64_t>(first) << 32) | static_cast<uint32_t>(second);
  }
  // Id of the merged pair, or -1. Lower ids merge first.
  int32_t Find(int32_t first, int32_t second) const;

  struct Merger;

  std::array<int32_t, 256> byte_ids_;
  absl::flat_hash_map<uint64_t, int32_t> merged_;
};

}  // namespace keel

#endif  // KEEL_WORKER_DATA_BPE_H_
