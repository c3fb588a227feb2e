#include "tests/testing/directory_rendezvous.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/time/clock.h"

namespace keel::testing {

absl::Status DirectoryRendezvous::Set(const std::string& key,
                                      std::string_view value) {
  const std::string path = PathOf(key);
  const std::string temporary = path + ".tmp" + std::to_string(getpid());
  std::ofstream(temporary, std::ios::binary) << value;
  return std::rename(temporary.c_str(), path.c_str()) == 0
             ? absl::OkStatus()
             : absl::InternalError("cannot write " + path);
}

absl::StatusOr<std::string> DirectoryRendezvous::Get(const std::string& key,
                                                     absl::Duration timeout) {
  if (absl::Status s = Wait({key}, timeout); !s.ok()) return s;
  std::ifstream in(PathOf(key), std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

absl::StatusOr<int64_t> DirectoryRendezvous::Add(const std::string& key,
                                                 int64_t amount) {
  int64_t sum = amount;
  if (std::filesystem::exists(PathOf(key))) {
    sum += std::atoll(Get(key, absl::ZeroDuration())->c_str());
  }
  if (absl::Status s = Set(key, std::to_string(sum)); !s.ok()) return s;
  return sum;
}

absl::StatusOr<bool> DirectoryRendezvous::Check(
    const std::vector<std::string>& keys) {
  return std::all_of(keys.begin(), keys.end(), [&](const std::string& key) {
    return std::filesystem::exists(PathOf(key));
  });
}

absl::Status DirectoryRendezvous::Wait(const std::vector<std::string>& keys,
                                       absl::Duration timeout) {
  const absl::Time until = absl::Now() + timeout;
  while (!*Check(keys)) {
    if (absl::Now() > until) return absl::DeadlineExceededError("keys missing");
    absl::SleepFor(absl::Milliseconds(1));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> DirectoryRendezvous::Delete(const std::string& key) {
  return std::filesystem::remove(PathOf(key));
}

absl::StatusOr<int64_t> DirectoryRendezvous::Count() {
  return std::distance(std::filesystem::directory_iterator(directory_),
                       std::filesystem::directory_iterator());
}

absl::StatusOr<std::string> DirectoryRendezvous::CompareSet(
    const std::string& key, std::string_view expected, std::string_view value) {
  if (!std::filesystem::exists(PathOf(key))) {
    if (!expected.empty()) return std::string(expected);
    if (absl::Status s = Set(key, value); !s.ok()) return s;
    return std::string(value);
  }
  std::string present = *Get(key, absl::ZeroDuration());
  if (present != expected) return present;
  if (absl::Status s = Set(key, value); !s.ok()) return s;
  return std::string(value);
}

std::string DirectoryRendezvous::PathOf(const std::string& key) const {
  std::string name = key;
  std::replace(name.begin(), name.end(), '/', '~');
  return directory_ + "/" + name;
}

}  // namespace keel::testing
