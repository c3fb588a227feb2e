#include "tests/coordinator/simulator/seeded_ids.h"

#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>

#include "tests/coordinator/simulator/random.h"

namespace keel::testing {
namespace {

std::optional<Random>& Source() {
  thread_local std::optional<Random> source;
  return source;
}

}  // namespace

void SeedIds(uint64_t seed) { Source().emplace(seed); }

}  // namespace keel::testing

extern "C" ssize_t getrandom(void* buffer, size_t size, unsigned flags) {
  auto& source = keel::testing::Source();
  if (!source.has_value()) return syscall(SYS_getrandom, buffer, size, flags);
  auto* bytes = static_cast<unsigned char*>(buffer);
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<unsigned char>(source->Next());
  }
  return static_cast<ssize_t>(size);
}
