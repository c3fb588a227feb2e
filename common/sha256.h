// SHA-256 digests, the names of chunks and files.
#ifndef KEEL_COMMON_SHA256_H_
#define KEEL_COMMON_SHA256_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace keel {

// A running digest. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(std::string_view data);
  // The digest of what was given so far, as 32 raw bytes. Ends the digest:
  // call nothing but the destructor afterwards.
  std::string Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// The digest of `data` as 32 raw bytes.
std::string Sha256Bytes(std::string_view data);
// The digest of `data` as 64 lower-case hexadecimal digits.
std::string Sha256Hex(std::string_view data);
// The bytes as lower-case hexadecimal digits.
std::string ToHex(std::string_view bytes);
// True if `text` is 64 lower-case hexadecimal digits.
bool IsSha256Hex(std::string_view text);

// CRC-32 (IEEE 802.3, as zlib's) of `data`, going on from `crc`.
uint32_t Crc32(std::string_view data, uint32_t crc = 0);

}  // namespace keel

#endif  // KEEL_COMMON_SHA256_H_
