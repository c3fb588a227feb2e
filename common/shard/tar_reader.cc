#include "common/shard/tar_reader.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "common/utf8.h"

namespace keel {
namespace {

using std::string_view_literals::operator""sv;

constexpr char kGnuLongName = 'L';
constexpr char kGnuLongLink = 'K';
constexpr char kPaxEntry = 'x';
// Solaris' spelling of the same.
constexpr char kPaxEntrySolaris = 'X';
constexpr char kPaxGlobal = 'g';
constexpr char kGnuSparse = 'S';
constexpr char kGnuMultiVolume = 'M';
constexpr size_t kLongestPathShown = 256;

bool IsMetadata(char type) {
  return type == kGnuLongName || type == kGnuLongLink || type == kPaxEntry ||
         type == kPaxEntrySolaris || type == kPaxGlobal;
}

TarEntryType TypeOf(char type) {
  if (type == '0' || type == '\0' || type == '7') return TarEntryType::kFile;
  return type == '5' ? TarEntryType::kDirectory : TarEntryType::kOther;
}

// Links, devices, folders and pipes: no data follow, whatever the size says.
bool IsHeaderOnly(char type) { return type >= '1' && type <= '6'; }

int64_t PaddingOf(int64_t size) {
  return (kTarBlockBytes - size % kTarBlockBytes) % kTarBlockBytes;
}

// What compression a file that is no tar starts with, for the message.
std::string CompressionHint(std::string_view block) {
  const std::pair<std::string_view, const char*> kinds[] = {
      {"\x1f\x8b"sv, "gzip"},
      {"\x28\xb5\x2f\xfd"sv, "zstd"},
      {"BZh"sv, "bzip2"},
      {"\xfd"
       "7zXZ"sv,
       "xz"}};
  for (const auto& [magic, name] : kinds) {
    if (block.starts_with(magic)) {
      return absl::StrCat(" (it looks like ", name,
                          ": shards are taken uncompressed)");
    }
  }
  return "";
}

}  // namespace

absl::Status TarReader::Consume(std::string_view data) {
  while (error_.ok() && !data.empty()) error_ = Step(&data);
  return error_;
}

absl::Status TarReader::Finish() {
  if (!error_.ok() || state_ == State::kEnd) return error_;
  error_ = Refused(kTarTruncated, offset_,
                   absl::StrCat("the tar is cut short: it ends at offset ",
                                offset_, WhereItEnds()));
  return error_;
}

absl::Status TarReader::Step(std::string_view* data) {
  switch (state_) {
    case State::kHeader:
      return Collect(kTarBlockBytes, data) ? HandleHeader() : absl::OkStatus();
    case State::kMetadata:
      return Collect(remaining_, data) ? HandleMetadata() : absl::OkStatus();
    case State::kData: {
      const std::string_view piece = Take(remaining_, data);
      remaining_ -= piece.size();
      sink_.EntryData(piece);
      if (remaining_ == 0) EndData();
      return absl::OkStatus();
    }
    case State::kPadding:
      padding_ -= Take(padding_, data).size();
      if (padding_ == 0) state_ = State::kHeader;
      return absl::OkStatus();
    case State::kEnd:
      break;
  }
  const int64_t offset = offset_;
  const size_t zeros = Take(data->size(), data).find_first_not_of('\0');
  return zeros == std::string_view::npos
             ? absl::OkStatus()
             : Malformed(offset + static_cast<int64_t>(zeros),
                         "data follow the end mark (tars that were "
                         "joined are not taken)");
}

absl::Status TarReader::HandleHeader() {
  const std::string block = std::exchange(buffer_, {});
  const int64_t offset = offset_ - kTarBlockBytes;
  if (IsZeroBlock(block)) {
    state_ = State::kEnd;
    return absl::OkStatus();
  }
  const auto header = ParseTarHeader(block);
  if (!header.ok()) {
    return Malformed(
        offset,
        absl::StrCat("no tar header is there: ", header.status().message(),
                     offset == 0 ? CompressionHint(block) : ""));
  }
  if (header->type == kGnuSparse || header->type == kGnuMultiVolume) {
    return Malformed(offset, "sparse and multi-volume tars are not taken");
  }
  return IsMetadata(header->type) ? StartMetadata(*header)
                                  : StartEntry(*header);
}

absl::Status TarReader::StartMetadata(const TarHeader& header) {
  if (header.size > kMaxTarMetadataBytes) {
    return Malformed(offset_ - kTarBlockBytes,
                     absl::StrCat("an extended header of ", header.size,
                                  " bytes is too long"));
  }
  metadata_type_ = header.type;
  remaining_ = header.size;
  state_ = State::kMetadata;
  return remaining_ == 0 ? HandleMetadata() : absl::OkStatus();
}

absl::Status TarReader::HandleMetadata() {
  const std::string metadata = std::exchange(buffer_, {});
  const int64_t offset = offset_ - static_cast<int64_t>(metadata.size());
  padding_ = PaddingOf(metadata.size());
  state_ = padding_ == 0 ? State::kHeader : State::kPadding;
  if (metadata_type_ == kGnuLongLink) return absl::OkStatus();
  if (metadata_type_ == kGnuLongName) {
    local_.path = metadata.substr(0, metadata.find('\0'));
    return absl::OkStatus();
  }
  PaxOverrides& target = metadata_type_ == kPaxGlobal ? global_ : local_;
  const absl::Status status = ApplyPaxRecords(metadata, &target);
  return status.ok() ? status
                     : Malformed(offset, std::string(status.message()));
}

absl::Status TarReader::StartEntry(const TarHeader& header) {
  const PaxOverrides local = std::exchange(local_, {});
  TarEntry entry;
  entry.path = local.path.value_or(global_.path.value_or(header.path));
  entry.type = local.sparse ? TarEntryType::kOther : TypeOf(header.type);
  entry.offset = offset_;
  if (!IsHeaderOnly(header.type)) {
    entry.size = local.size.value_or(global_.size.value_or(header.size));
  }
  remaining_ = entry.size;
  padding_ = PaddingOf(entry.size);
  state_ = State::kData;
  entry_ = absl::StrCat("\"", ToValidUtf8(entry.path, kLongestPathShown), "\"");
  KEEL_RETURN_IF_ERROR(sink_.StartEntry(entry));
  if (remaining_ == 0) EndData();
  return absl::OkStatus();
}

void TarReader::EndData() {
  state_ = padding_ == 0 ? State::kHeader : State::kPadding;
  sink_.EndEntry();
}

bool TarReader::Collect(int64_t wanted, std::string_view* data) {
  buffer_ += Take(wanted - static_cast<int64_t>(buffer_.size()), data);
  return static_cast<int64_t>(buffer_.size()) == wanted;
}

std::string_view TarReader::Take(int64_t most, std::string_view* data) {
  const std::string_view piece = data->substr(0, most);
  data->remove_prefix(piece.size());
  offset_ += static_cast<int64_t>(piece.size());
  return piece;
}

absl::Status TarReader::Malformed(int64_t offset,
                                  const std::string& what) const {
  return Refused(
      kTarMalformed, offset,
      absl::StrCat("the tar cannot be read at offset ", offset,
                   entry_.empty() ? "" : absl::StrCat(", after entry ", entry_),
                   ": ", what));
}

std::string TarReader::WhereItEnds() const {
  if (state_ == State::kData) return absl::StrCat(" inside entry ", entry_);
  const char* place = state_ == State::kHeader && buffer_.empty()
                          ? " without an end mark"
                          : " between two entries";
  return entry_.empty() ? place : absl::StrCat(place, ", after entry ", entry_);
}

absl::Status TarReader::Refused(std::string_view reason, int64_t offset,
                                const std::string& message) const {
  return WithReason(absl::InvalidArgumentError(message),
                    {std::string(reason),
                     {{"offset", absl::StrCat(offset)}, {"entry", entry_}}});
}

}  // namespace keel
