// A keyed permutation of [0, size) in O(1) memory: the order of an epoch.
//
// A Feistel network of four rounds over the smallest even number of bits that
// holds `size`, walked until the result falls below `size` (cycle walking:
// Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002).
// Every machine computes the same order; thread-safe.
#ifndef KEEL_COMMON_PLAN_PERMUTATION_H_
#define KEEL_COMMON_PLAN_PERMUTATION_H_

#include <array>
#include <cstdint>

namespace keel {

class Permutation {
 public:
  // `size` is positive.
  Permutation(uint64_t key, int64_t size);

  // The element at `position`; both are in [0, size).
  int64_t operator()(int64_t position) const;
  int64_t size() const { return size_; }

 private:
  uint64_t Encrypt(uint64_t block) const;

  static constexpr int kRounds = 4;
  std::array<uint64_t, kRounds> round_keys_;
  int64_t size_;
  int half_bits_;
};

}  // namespace keel

#endif  // KEEL_COMMON_PLAN_PERMUTATION_H_
