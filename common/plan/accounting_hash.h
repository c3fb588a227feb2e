// The proof of what was trained: a commutative sum of keyed hashes, one for
// each row that entered the loss. Workers build it from the bytes that they
// decoded, the ledger from the plan; they meet only if they are the same
// multiset of (epoch, image, caption). Thread-safe.
#ifndef KEEL_COMMON_PLAN_ACCOUNTING_HASH_H_
#define KEEL_COMMON_PLAN_ACCOUNTING_HASH_H_

#include <cstdint>
#include <string_view>

namespace keel {

// 128 bits as two sums of 64, each modulo 2^64. Adding is commutative.
struct AccountingHash {
  uint64_t low = 0;
  uint64_t high = 0;

  AccountingHash& operator+=(const AccountingHash& other) {
    low += other.low;
    high += other.high;
    return *this;
  }
  bool operator==(const AccountingHash&) const = default;
};

// Key of a phase's hashes.
uint64_t AccountingKey(int64_t seed, int phase);

// The hash of one row. `image_digest` and `caption_digest` are the first 16
// bytes of the SHA-256 of the image's and the caption's bytes; `sample` is
// the ordinal, planned or replayed.
AccountingHash HashRow(uint64_t key, int epoch, int64_t sample,
                       std::string_view image_digest,
                       std::string_view caption_digest);

}  // namespace keel

#endif  // KEEL_COMMON_PLAN_ACCOUNTING_HASH_H_
