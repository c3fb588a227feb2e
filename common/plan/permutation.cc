#include "common/plan/permutation.h"

#include <bit>

#include "common/plan/mix.h"

namespace keel {

Permutation::Permutation(uint64_t key, int64_t size) : size_(size) {
  for (int round = 0; round < kRounds; ++round) {
    round_keys_[round] = MixKey({key, static_cast<uint64_t>(round)});
  }
  const int bits = std::bit_width(static_cast<uint64_t>(size - 1));
  half_bits_ = bits < 2 ? 1 : (bits + 1) / 2;
}

uint64_t Permutation::Encrypt(uint64_t block) const {
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  uint64_t left = block >> half_bits_;
  uint64_t right = block & mask;
  for (uint64_t round_key : round_keys_) {
    const uint64_t next = left ^ (Mix64(right ^ round_key) & mask);
    left = right;
    right = next;
  }
  return (left << half_bits_) | right;
}

int64_t Permutation::operator()(int64_t position) const {
  uint64_t block = static_cast<uint64_t>(position);
  do {
    block = Encrypt(block);
  } while (block >= static_cast<uint64_t>(size_));
  return static_cast<int64_t>(block);
}

}  // namespace keel
