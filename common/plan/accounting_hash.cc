#include "common/plan/accounting_hash.h"

#include "common/plan/mix.h"

namespace keel {
namespace {

constexpr uint64_t kAccounting = 3;
constexpr uint64_t kLow = 0, kHigh = 1;

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
                   static_cast<uint64_t>(sample), WordAt(image_digest, 0),
                   WordAt(image_digest, 8), WordAt(caption_digest, 0),
                   WordAt(caption_digest, 8)});
  };
  return {half(kLow), half(kHigh)};
}

}  // namespace keel
