#include "common/plan/accounting_hash.h"

#include <cstring>

#include "common/plan/mix.h"

namespace keel {
namespace {

constexpr uint64_t kAccounting = 3;
constexpr uint64_t kLow = 0, kHigh = 1;

// The digest's bytes at `offset` as a little-endian integer; missing bytes
// read as zero.
uint64_t Word(std::string_view digest, size_t offset) {
  uint64_t word = 0;
  for (size_t i = 0; i < 8 && offset + i < digest.size(); ++i) {
    word |=
        static_cast<uint64_t>(static_cast<unsigned char>(digest[offset + i]))
        << (8 * i);
  }
  return word;
}

}  // namespace

uint64_t AccountingKey(int64_t seed, int phase) {
  return MixKey(
      {kAccounting, static_cast<uint64_t>(seed), static_cast<uint64_t>(phase)});
}

AccountingHash HashRow(uint64_t key, int epoch, int64_t sample,
                       std::string_view image_digest,
                       std::string_view caption_digest) {
  const auto half = [&](uint64_t which) {
    return MixKey({key, which, static_cast<uint64_t>(epoch),
                   static_cast<uint64_t>(sample), Word(image_digest, 0),
                   Word(image_digest, 8), Word(caption_digest, 0),
                   Word(caption_digest, 8)});
  };
  return {half(kLow), half(kHigh)};
}

}  // namespace keel
