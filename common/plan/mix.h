// Keyed mixing of integers: the only source of randomness in a plan.
// Thread-safe.
#ifndef KEEL_COMMON_PLAN_MIX_H_
#define KEEL_COMMON_PLAN_MIX_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace keel {

// The finalizer of SplitMix64 (Steele, Lea, Flood: "Fast splittable
// pseudorandom number generators", OOPSLA 2014): a bijection of 64 bits.
constexpr uint64_t Mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// One key out of several values, in order.
constexpr uint64_t MixKey(std::initializer_list<uint64_t> values) {
  uint64_t key = 0x6b65656c2d706c61u;  // "keel-pla"
  for (uint64_t value : values) key = Mix64(key ^ Mix64(value));
  return key;
}

// The bytes at [offset, offset + 8) as a little-endian integer; missing ones
// read as zero.
constexpr uint64_t WordAt(std::string_view bytes, size_t offset) {
  uint64_t word = 0;
  for (size_t i = 0; i < 8 && offset + i < bytes.size(); ++i) {
    word |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[offset + i]))
            << (8 * i);
  }
  return word;
}

}  // namespace keel

#endif  // KEEL_COMMON_PLAN_MIX_H_
