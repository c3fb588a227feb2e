// Reads a tar while its bytes stream in, in pieces of any length: v7, ustar,
// GNU (long names, large sizes) and pax. Memory is bounded by
// kMaxTarMetadataBytes. Safe for hostile bytes.
#ifndef KEEL_COMMON_SHARD_TAR_READER_H_
#define KEEL_COMMON_SHARD_TAR_READER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/shard/pax_records.h"
#include "common/shard/tar_header.h"

namespace keel {

// Reasons (common/reason.h) of a tar that cannot be read.
inline constexpr std::string_view kTarMalformed = "TAR_MALFORMED";
inline constexpr std::string_view kTarTruncated = "TAR_TRUNCATED";

// The most bytes of one long name or extended header.
inline constexpr int64_t kMaxTarMetadataBytes = int64_t{1} << 20;

enum class TarEntryType { kFile, kDirectory, kOther };

struct TarEntry {
  std::string path;
  TarEntryType type = TarEntryType::kFile;
  // Place of its data in the tar, and how many bytes they are.
  int64_t offset = 0;
  int64_t size = 0;
};

// Takes what a TarReader reads, in order: for each entry one StartEntry, its
// data in pieces, one EndEntry.
class TarSink {
 public:
  virtual ~TarSink() = default;
  // An error ends the reading.
  virtual absl::Status StartEntry(const TarEntry& entry) = 0;
  virtual void EntryData(std::string_view piece) = 0;
  virtual void EndEntry() = 0;
};

// Not thread-safe.
class TarReader {
 public:
  // `sink` outlives the reader.
  explicit TarReader(TarSink& sink) : sink_(sink) {}

  // INVALID_ARGUMENT with reason TAR_MALFORMED, naming the offset and the last
  // entry: no tar, or one that cannot be read on (a GNU sparse or multi-volume
  // entry, more data behind the end mark); or the sink's error. An error is
  // final.
  absl::Status Consume(std::string_view data);
  // To be called after the last byte. INVALID_ARGUMENT with reason
  // TAR_TRUNCATED, naming the same: the end mark (a block of zeros) has not
  // come.
  absl::Status Finish();

 private:
  enum class State {
    kHeader,    // collects the next header block
    kMetadata,  // collects a long name or extended header
    kData,      // hands an entry's data on
    kPadding,   // skips to the end of a block
    kEnd,       // the end mark was read
  };

  absl::Status Step(std::string_view* data);
  absl::Status HandleHeader();
  absl::Status HandleMetadata();
  absl::Status StartMetadata(const TarHeader& header);
  absl::Status StartEntry(const TarHeader& header);
  void EndData();
  // Moves up to `wanted` - buffer_.size() bytes to buffer_; true once full.
  bool Collect(int64_t wanted, std::string_view* data);
  std::string_view Take(int64_t most, std::string_view* data);
  absl::Status Malformed(int64_t offset, const std::string& what) const;
  // Where the bytes ended, in words.
  std::string WhereItEnds() const;
  // The status with the reason, the offset and the last entry.
  absl::Status Refused(std::string_view reason, int64_t offset,
                       const std::string& message) const;

  TarSink& sink_;
  State state_ = State::kHeader;
  absl::Status error_;
  // Bytes consumed so far.
  int64_t offset_ = 0;
  std::string buffer_;
  // The last entry's path for messages, in quotes; empty before the first.
  std::string entry_;
  // Of the data or the padding; of the metadata, all bytes.
  int64_t remaining_ = 0;
  int64_t padding_ = 0;
  char metadata_type_ = 0;
  PaxOverrides global_;
  // Holds for the next entry only.
  PaxOverrides local_;
};

}  // namespace keel

#endif  // KEEL_COMMON_SHARD_TAR_READER_H_
