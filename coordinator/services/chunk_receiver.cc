#include "coordinator/services/chunk_receiver.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/services/chunk_indexes.h"
#include "coordinator/services/frame_check.h"
#include "coordinator/services/text_check.h"

namespace keel {

absl::StatusOr<v1::SubmitChunkResponse> ChunkReceiver::Receive(
    const Reader& read) {
  v1::SubmitChunkRequest first;
  if (!read(&first) || !first.has_header()) {
    return WithReason(
        absl::InvalidArgumentError("the first message has to be a header"),
        {"HEADER_EXPECTED", {}});
  }
  header_ = first.header();
  KEEL_ASSIGN_OR_RETURN(v1::Stream stream, streams_.Get(header_.stream()));
  limits_ = stream.config().limits();
  KEEL_RETURN_IF_ERROR(CheckHeader());
  BlobPins pins(cluster_);
  pins.Pin(header_.digest());
  // This or another stream may have brought the same bytes; damaged ones are
  // taken anew.
  BlobStore& blobs = *cluster_.env().blobs;
  const bool stored = blobs.Verify(header_.digest()).ok();
  KEEL_ASSIGN_OR_RETURN(auto known, streams_.FindSubmitted(header_));
  if (known.has_value() && stored && blobs.Verify(known->index_digest).ok()) {
    return std::move(known->response);
  }
  if (const absl::Status room = stored ? absl::OkStatus() : TakeRoom();
      !room.ok()) {
    pins.KeepAll();
    return room;
  }
  absl::StatusOr<IndexedChunk> indexed =
      stored ? IndexStored() : ReceiveNew(read);
  if (absl::IsInvalidArgument(indexed.status())) {
    cluster_.env().metrics->Increment("keel_chunks_total",
                                      {{"result", "rejected"}});
  } else if (!indexed.ok() && !absl::IsResourceExhausted(indexed.status())) {
    // What came may be gone on with; but not on a full disk, which the
    // database needs.
    pins.KeepAll();
  }
  KEEL_RETURN_IF_ERROR(indexed.status());
  KEEL_ASSIGN_OR_RETURN(const std::string index_digest,
                        StoreIndex(*indexed, pins));
  return streams_.Accept(header_, *indexed, index_digest);
}

absl::Status ChunkReceiver::CheckHeader() {
  if (!IsSha256Hex(header_.digest())) {
    return WithReason(
        absl::InvalidArgumentError(
            "digest has to be a SHA-256 of 64 lower-case hexadecimal digits"),
        {"DIGEST_FORMAT", {{"stream", header_.stream()}}});
  }
  if (header_.has_origin() && (!header_.probe_only() || header_.origin() < 0)) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "origin ", header_.origin(),
            ": only a probe set has one, the number of a checkpoint")),
        {"ORIGIN", {{"stream", header_.stream()}}});
  }
  KEEL_RETURN_IF_ERROR(CheckLength("request_id", header_.request_id()));
  KEEL_RETURN_IF_ERROR(CheckLength("display_name", header_.display_name()));
  if (header_.size_bytes() <= 0 ||
      header_.size_bytes() > limits_.max_chunk_bytes()) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "a chunk of stream \"", header_.stream(), "\" has 1 to ",
            limits_.max_chunk_bytes(), " bytes, not ", header_.size_bytes())),
        {"CHUNK_SIZE", {{"stream", header_.stream()}}});
  }
  return absl::OkStatus();
}

absl::Status ChunkReceiver::TakeRoom() {
  KEEL_ASSIGN_OR_RETURN(room_, cluster_.disk_guard().Reserve(
                                   header_.size_bytes() -
                                   std::clamp<int64_t>(header_.offset(), 0,
                                                       header_.size_bytes())));
  return absl::OkStatus();
}

absl::StatusOr<IndexedChunk> ChunkReceiver::ReceiveNew(const Reader& read) {
  BlobStore& blobs = *cluster_.env().blobs;
  const bool fresh = header_.offset() == 0;
  KEEL_ASSIGN_OR_RETURN(std::unique_ptr<BlobWriter> writer,
                        blobs.OpenWriter(header_.digest(), fresh));
  if (writer->size() != header_.offset()) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat("the upload goes on at ",
                                                   writer->size(), ", not at ",
                                                   header_.offset())),
        {"UPLOAD_OFFSET", {{"received_bytes", absl::StrCat(writer->size())}}});
  }
  ChunkIndexer indexer(limits_);
  KEEL_RETURN_IF_ERROR(
      ReceiveFrames(read, *writer, fresh ? &indexer : nullptr));
  KEEL_RETURN_IF_ERROR(writer->Finish());
  // What an earlier try brought has passed no indexer yet.
  return fresh ? indexer.Finish(header_.digest()) : IndexStored();
}

absl::Status ChunkReceiver::ReceiveFrames(const Reader& read,
                                          BlobWriter& writer,
                                          ChunkIndexer* indexer) {
  v1::SubmitChunkRequest message;
  while (writer.size() < header_.size_bytes() && read(&message)) {
    if (!message.has_frame()) {
      return WithReason(
          absl::InvalidArgumentError(
              absl::StrCat("after the header only frames follow; offset ",
                           writer.size(), " is due")),
          {"FRAME_EXPECTED", {{"offset", absl::StrCat(writer.size())}}});
    }
    const v1::DataFrame& frame = message.frame();
    KEEL_RETURN_IF_ERROR(
        CheckFrame(frame, writer.size(), header_.size_bytes()));
    if (indexer != nullptr) {
      KEEL_RETURN_IF_ERROR(indexer->Consume(frame.data()));
    }
    KEEL_RETURN_IF_ERROR(writer.Append(frame.data()));
    room_->Use(static_cast<int64_t>(frame.data().size()));
  }
  if (writer.size() == header_.size_bytes()) return absl::OkStatus();
  return WithReason(
      absl::AbortedError(absl::StrCat("the upload ended after ", writer.size(),
                                      " of ", header_.size_bytes(),
                                      " bytes; they are kept")),
      {"UPLOAD_INCOMPLETE", {{"received_bytes", absl::StrCat(writer.size())}}});
}

absl::StatusOr<IndexedChunk> ChunkReceiver::IndexStored() {
  BlobStore& blobs = *cluster_.env().blobs;
  KEEL_ASSIGN_OR_RETURN(const int64_t size, blobs.Size(header_.digest()));
  if (size != header_.size_bytes()) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "the bytes of digest ", header_.digest(), " are ",
                          size, ", not ", header_.size_bytes())),
                      {"CHUNK_SIZE", {{"stream", header_.stream()}}});
  }
  return IndexStoredChunk(blobs, header_.digest(), limits_);
}

absl::StatusOr<std::string> ChunkReceiver::StoreIndex(
    const IndexedChunk& indexed, BlobPins& pins) {
  std::string bytes;
  if (!indexed.index.SerializeToString(&bytes)) {
    return absl::InternalError("the chunk's index cannot be serialized");
  }
  pins.Pin(Sha256Hex(bytes));
  return cluster_.env().blobs->Put(bytes);
}

}  // namespace keel
