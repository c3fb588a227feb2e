// Sends chunks to a stream; goes on after a broken line where it stopped.
#ifndef KEEL_COORDINATOR_CLIENT_UPLOADER_H_
#define KEEL_COORDINATOR_CLIENT_UPLOADER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/file_system.h"
#include "coordinator/client/transfer.h"
#include "keel/v1/stream.grpc.pb.h"

namespace keel {

struct ChunkUpload {
  std::string stream;
  // The shard.
  std::string path;
  // Default: the file's name.
  std::string display_name;
  // Default: the digest.
  std::string request_id;
  bool probe_only = false;
  // Of a chunk that is held out: SubmitChunkHeader.origin.
  std::optional<int> origin;
};

// Not thread-safe. The stub outlives it.
class Uploader {
 public:
  Uploader(v1::StreamService::StubInterface& stub, TransferOptions options)
      : stub_(stub), options_(std::move(options)) {}

  // Blocks until the chunk is durable at the coordinator. Errors are the
  // server's (StreamService.SubmitChunk), or those of reading the file.
  absl::StatusOr<v1::SubmitChunkResponse> Upload(const ChunkUpload& upload);

 private:
  // The bytes that the server says it has from an earlier try.
  absl::StatusOr<int64_t> Received(const v1::SubmitChunkHeader& header);
  // True if the server refused the offset, which a damaged copy there makes it
  // do, and named another, where the next try is to go on. Not twice in a row.
  bool TakeToldOffset(const absl::Status& refusal, int64_t size);
  absl::StatusOr<v1::SubmitChunkResponse> Try(v1::SubmitChunkHeader header,
                                              const RandomAccessFile& file,
                                              RetryBudget& budget);

  v1::StreamService::StubInterface& stub_;
  const TransferOptions options_;
  // Most bytes that the server has had of the present upload.
  int64_t furthest_ = 0;
  // Where the last try was told to go on, if it was refused for its offset.
  std::optional<int64_t> told_offset_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_UPLOADER_H_
