#include "common/sha256.h"

#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "common/string_view.h"

namespace keel {

struct Sha256::Context {
  Context() : evp(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(evp, EVP_sha256(), nullptr);
  }
  ~Context() { EVP_MD_CTX_free(evp); }
  EVP_MD_CTX* const evp;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(std::string_view data) {
  EVP_DigestUpdate(context_->evp, data.data(), data.size());
}

std::string Sha256::Finish() {
  std::string digest(32, '\0');
  EVP_DigestFinal_ex(context_->evp,
                     reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  return digest;
}

std::string Sha256Bytes(std::string_view data) {
  Sha256 digest;
  digest.Update(data);
  return digest.Finish();
}

std::string Sha256Hex(std::string_view data) {
  return ToHex(Sha256Bytes(data));
}

std::string ToHex(std::string_view bytes) {
  return absl::BytesToHexString(ToAbsl(bytes));
}

bool IsSha256Hex(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

uint32_t Crc32(std::string_view data, uint32_t crc) {
  return static_cast<uint32_t>(crc32_z(
      crc, reinterpret_cast<const unsigned char*>(data.data()), data.size()));
}

}  // namespace keel
