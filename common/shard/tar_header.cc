#include "common/shard/tar_header.h"

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace keel {
namespace {

using std::string_view_literals::operator""sv;

// Places of the fields in the block (POSIX.1-1988, "ustar").
struct Field {
  size_t offset, size;
};
constexpr Field kName{0, 100};
constexpr Field kSize{124, 12};
constexpr Field kChecksum{148, 8};
constexpr size_t kType = 156;
constexpr Field kMagic{257, 6};
constexpr Field kPrefix{345, 155};

std::string_view Get(std::string_view block, Field field) {
  return block.substr(field.offset, field.size);
}

// Up to the first NUL, which a full field does not have.
std::string_view Text(std::string_view block, Field field) {
  const std::string_view bytes = Get(block, field);
  return bytes.substr(0, bytes.find('\0'));
}

absl::StatusOr<int64_t> ParseOctal(std::string_view field) {
  while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
  field = field.substr(0, field.find_first_of(" \0"sv));
  int64_t value = 0;
  for (char c : field) {
    if (c < '0' || c > '7' || value > kMaxTarEntryBytes) {
      return absl::InvalidArgumentError("its size is no number in range");
    }
    value = value * 8 + (c - '0');
  }
  return value;
}

// GNU's extension: the first bit is set, the other bits are a big-endian
// two's complement number.
absl::StatusOr<int64_t> ParseBase256(std::string_view field) {
  if (field[0] & 0x40) {
    return absl::InvalidArgumentError("its size is negative");
  }
  int64_t value = field[0] & 0x3f;
  for (char c : field.substr(1)) {
    if (value > kMaxTarEntryBytes >> 8) return kMaxTarEntryBytes + 1;
    value = value << 8 | static_cast<uint8_t>(c);
  }
  return value;
}

absl::StatusOr<int64_t> ParseSize(std::string_view field) {
  const bool binary = field[0] & 0x80;
  KEEL_ASSIGN_OR_RETURN(const int64_t size,
                        binary ? ParseBase256(field) : ParseOctal(field));
  if (size > kMaxTarEntryBytes) {
    return absl::InvalidArgumentError("its size is out of range");
  }
  return size;
}

// The sum of all bytes, the checksum's own counted as blanks. Some old tars
// summed signed bytes.
bool ChecksumMatches(std::string_view block) {
  const auto stored = ParseOctal(Get(block, kChecksum));
  if (!stored.ok()) return false;
  int64_t plain = 0;
  int64_t with_sign = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const bool own = i - kChecksum.offset < kChecksum.size;
    plain += own ? ' ' : static_cast<uint8_t>(block[i]);
    with_sign += own ? ' ' : static_cast<int8_t>(block[i]);
  }
  return *stored == plain || *stored == with_sign;
}

std::string PathOf(std::string_view block) {
  std::string name(Text(block, kName));
  // GNU's magic has a blank in place of the NUL, and times in the prefix.
  if (Get(block, kMagic) != "ustar\0"sv) return name;
  const std::string prefix(Text(block, kPrefix));
  return prefix.empty() ? name : absl::StrCat(prefix, "/", name);
}

}  // namespace

bool IsZeroBlock(std::string_view block) {
  return std::all_of(block.begin(), block.end(),
                     [](char c) { return c == '\0'; });
}

absl::StatusOr<TarHeader> ParseTarHeader(std::string_view block) {
  if (block.size() != kTarBlockBytes || !ChecksumMatches(block)) {
    return absl::InvalidArgumentError("its checksum is wrong");
  }
  TarHeader header;
  KEEL_ASSIGN_OR_RETURN(header.size, ParseSize(Get(block, kSize)));
  header.path = PathOf(block);
  header.type = block[kType];
  return header;
}

}  // namespace keel
