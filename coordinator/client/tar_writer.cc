#include "coordinator/client/tar_writer.h"

#include <cstdio>
#include <cstring>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace keel {
namespace {

constexpr size_t kBlock = 512;

// The header of a plain file, as POSIX.1-1988 lays it out.
struct UstarHeader {
  char name[100];
  char mode[8];
  char uid[8];
  char gid[8];
  char size[12];
  char mtime[12];
  char checksum[8];
  char type;
  char link[100];
  char magic[6];
  char version[2];
  char user[32];
  char group[32];
  char device_major[8];
  char device_minor[8];
  char prefix[155];
  char padding[12];
};
static_assert(sizeof(UstarHeader) == kBlock);

template <size_t N>
void PutOctal(char (&field)[N], uint64_t value) {
  std::snprintf(field, N, "%0*llo", static_cast<int>(N - 1),
                static_cast<unsigned long long>(value));
}

std::string HeaderFor(const std::string& name, size_t size) {
  UstarHeader header;
  std::memset(&header, 0, sizeof(header));
  std::memcpy(header.name, name.data(), name.size());
  PutOctal(header.mode, 0644);
  PutOctal(header.uid, 0);
  PutOctal(header.gid, 0);
  PutOctal(header.size, size);
  PutOctal(header.mtime, 0);
  header.type = '0';
  std::memcpy(header.magic, "ustar", 6);
  std::memcpy(header.version, "00", 2);
  // The sum counts its own field as blanks.
  std::memset(header.checksum, ' ', sizeof(header.checksum));
  const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
  const unsigned sum = std::accumulate(bytes, bytes + kBlock, 0u);
  std::snprintf(header.checksum, sizeof(header.checksum), "%06o", sum);
  return std::string(reinterpret_cast<const char*>(&header), kBlock);
}

}  // namespace

absl::StatusOr<std::unique_ptr<TarWriter>> TarWriter::Create(std::string path) {
  const std::string partial = path + ".partial";
  KEEL_RETURN_IF_ERROR(RemoveFile(partial));
  KEEL_ASSIGN_OR_RETURN(auto file, AppendableFile::Open(partial));
  return std::unique_ptr<TarWriter>(
      new TarWriter(std::move(path), std::move(file)));
}

absl::Status TarWriter::Add(const std::string& name, std::string_view data) {
  if (name.empty() || name.size() > sizeof(UstarHeader::name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", name, "' is no name for a tar entry"));
  }
  KEEL_RETURN_IF_ERROR(file_->Append(HeaderFor(name, data.size())));
  KEEL_RETURN_IF_ERROR(file_->Append(data));
  const size_t rest = (kBlock - data.size() % kBlock) % kBlock;
  return file_->Append(std::string(rest, '\0'));
}

absl::Status TarWriter::Close() {
  KEEL_RETURN_IF_ERROR(file_->Append(std::string(2 * kBlock, '\0')));
  KEEL_RETURN_IF_ERROR(file_->Sync());
  file_.reset();
  return RenameDurably(path_ + ".partial", path_);
}

}  // namespace keel
