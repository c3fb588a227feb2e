// Input: how the header lies, how the frames are cut and which one is wrong,
// then the bytes of a tar. Against a real blob directory, and records in
// memory: what is accepted is stored whole and once, a bad chunk leaves no
// bytes, and an upload that broke off goes on where it ended.
#include <algorithm>
#include <deque>
#include <string>
#include <utility>

#include "common/log.h"
#include "common/sha256.h"
#include "common/utf8.h"
#include "coordinator/services/chunk_receiver.h"
#include "coordinator/store/directory_blob_store.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/scratch_folder.h"
#include "tests/testing/memory_store.h"
#include "tests/testing/tar_writer.h"
#include "tests/testing/test_folder.h"

namespace keel::testing {
namespace {

constexpr char kStream[] = "s";

enum HeaderFlag {
  kSeal = 1,
  kProbeOnly = 2,
  kOtherDigest = 4,
  kNoDigest = 8,
  kOtherStream = 16,
  kRequestId = 32,
  kSmallLimits = 64,
};

enum class Fault {
  kNone,
  kChecksum,
  kOffset,
  kEmpty,
  kSecondHeader,
  kEnd,
  kTwice,
  kNoKind,
  kCount,
};

// What the input says of an upload.
struct Upload {
  uint8_t flags = 0;
  // Bytes of a frame.
  size_t frame_bytes = 1;
  Fault fault = Fault::kNone;
  // Of the frame that is wrong, less than 32.
  size_t fault_at = 0;
  // What size and offset are told too much.
  int8_t size_error = 0;
  int8_t offset_error = 0;
  std::string tar;

  bool Has(HeaderFlag flag) const { return (flags & flag) != 0; }
};

Upload Parse(FuzzInput input) {
  Upload upload;
  upload.flags = input.Byte();
  upload.frame_bytes = 64 * (size_t{1} + input.Byte());
  const uint8_t fault = input.Byte();
  upload.fault = static_cast<Fault>(fault % static_cast<int>(Fault::kCount));
  upload.fault_at = fault / static_cast<int>(Fault::kCount);
  upload.size_error = static_cast<int8_t>(input.Byte());
  upload.offset_error = static_cast<int8_t>(input.Byte());
  upload.tar = std::string(input.Rest());
  if (upload.Has(kSeal)) TarWriter::SealHeaders(&upload.tar);
  return upload;
}

v1::SubmitChunkHeader HeaderOf(const Upload& upload) {
  v1::SubmitChunkHeader header;
  header.set_stream(upload.Has(kOtherStream) ? "t" : kStream);
  header.set_digest(upload.Has(kNoDigest)
                        ? ToValidUtf8(upload.tar.substr(0, 64), 64)
                    : upload.Has(kOtherDigest) ? Sha256Hex("other")
                                               : Sha256Hex(upload.tar));
  header.set_size_bytes(static_cast<int64_t>(upload.tar.size()) +
                        upload.size_error);
  header.set_offset(upload.offset_error);
  // The wire lets no other bytes through.
  header.set_display_name(ToValidUtf8(upload.tar.substr(0, 20), 20));
  header.set_probe_only(upload.Has(kProbeOnly));
  if (upload.Has(kRequestId)) header.set_request_id("request");
  return header;
}

using Messages = std::deque<v1::SubmitChunkRequest>;

v1::SubmitChunkRequest FrameAt(const Upload& upload, size_t at) {
  v1::SubmitChunkRequest message;
  v1::DataFrame& frame = *message.mutable_frame();
  frame.set_offset(static_cast<int64_t>(at));
  frame.set_data(upload.tar.substr(at, upload.frame_bytes));
  frame.set_crc32(Crc32(frame.data()));
  return message;
}

v1::SubmitChunkRequest HeaderMessage(const v1::SubmitChunkHeader& header) {
  v1::SubmitChunkRequest message;
  *message.mutable_header() = header;
  return message;
}

// Makes one of the messages wrong.
void Break(const Upload& upload, const v1::SubmitChunkHeader& header,
           Messages& messages) {
  const size_t at = upload.fault_at;
  if (at >= messages.size()) return;
  v1::SubmitChunkRequest& message = messages[at];
  switch (upload.fault) {
    case Fault::kChecksum:
      message.mutable_frame()->set_crc32(message.frame().crc32() + 1);
      break;
    case Fault::kOffset:
      message.mutable_frame()->set_offset(message.frame().offset() + 1);
      break;
    case Fault::kEmpty:
      message.mutable_frame()->clear_data();
      break;
    case Fault::kSecondHeader:
      message = HeaderMessage(header);
      break;
    case Fault::kEnd:
      messages.resize(at);
      break;
    case Fault::kTwice:
      messages.insert(messages.begin() + static_cast<int64_t>(at),
                      v1::SubmitChunkRequest(message));
      break;
    case Fault::kNoKind:
      message.Clear();
      break;
    case Fault::kNone:
    case Fault::kCount:
      break;
  }
}

// A coordinator's streams over an empty state folder.
class Fixture {
 public:
  Fixture() {
    SetLogLevel(LogLevel::kError);
    auto blobs = DirectoryBlobStore::Open({folder_.Path("blobs")});
    FuzzCheck(blobs.ok(), "the blob store opens");
    blobs_ = *std::move(blobs);
    cluster_ = LoadCluster();
    streams_ = std::make_unique<Streams>(*cluster_);
  }

  void CreateStream(bool small_limits) {
    v1::CreateStreamRequest request;
    request.set_name(kStream);
    if (small_limits) {
      v1::LimitsConfig& limits = *request.mutable_config()->mutable_limits();
      limits.set_max_chunk_bytes(4096);
      limits.set_max_image_pixels(400);
      limits.set_max_caption_bytes(16);
      limits.set_max_samples_per_chunk(3);
    }
    FuzzCheck(streams_->Create(request).ok(), "the stream is created");
  }

  absl::StatusOr<v1::SubmitChunkResponse> Submit(
      const v1::SubmitChunkHeader& header, Messages frames) {
    frames.push_front(HeaderMessage(header));
    ChunkReceiver receiver(*cluster_, *streams_);
    return receiver.Receive([&](v1::SubmitChunkRequest* message) {
      if (frames.empty()) return false;
      *message = std::move(frames.front());
      frames.pop_front();
      return true;
    });
  }

  BlobStore& blobs() { return *blobs_; }
  // The stream's chunks, as a restarted coordinator knows them.
  std::vector<v1::Chunk> StoredChunks() {
    const auto cluster = LoadCluster();
    auto chunks = Streams(*cluster).ListChunks(kStream);
    FuzzCheck(chunks.ok(), "the stream is stored");
    return *std::move(chunks);
  }

 private:
  std::unique_ptr<Cluster> LoadCluster() {
    Environment environment;
    environment.store = &store_;
    environment.blobs = blobs_.get();
    environment.metrics = &metrics_;
    environment.clock = &clock_;
    environment.min_free_bytes = 0;
    auto cluster = Cluster::Load(environment);
    FuzzCheck(cluster.ok(), "the state loads: " + cluster.status().ToString());
    return *std::move(cluster);
  }

  TestFolder folder_{ScratchParent()};
  NullMetrics metrics_;
  SystemClock clock_;
  MemoryStore store_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<Streams> streams_;
};

void CheckAccepted(Fixture& fixture, const Upload& upload,
                   const v1::SubmitChunkHeader& header) {
  const auto bytes = fixture.blobs().ReadVerified(header.digest());
  FuzzCheck(bytes.ok() && *bytes == upload.tar, "the stored bytes");
  const auto again = fixture.Submit(header, {});
  FuzzCheck(again.ok() && again->duplicate(), "a repeated call is known");
  const auto chunks = fixture.StoredChunks();
  FuzzCheck(chunks.size() == 1 && chunks[0].digest() == header.digest() &&
                chunks[0].samples().accepted_count() > 0,
            "the chunk is recorded once");
}

void CheckRefused(Fixture& fixture, const absl::Status& status,
                  const v1::SubmitChunkHeader& header) {
  FuzzCheck(!fixture.blobs().Size(header.digest()).ok(),
            "a refused chunk is not stored");
  const bool kept = fixture.blobs().PartialSize(header.digest()) > 0;
  FuzzCheck(!kept || absl::IsAborted(status) || absl::IsDataLoss(status),
            "a bad chunk leaves no bytes");
  FuzzCheck(fixture.StoredChunks().empty(), "a refused chunk has no record");
}

// Sends the rest of the bytes, all of them right.
absl::StatusOr<v1::SubmitChunkResponse> GoOn(Fixture& fixture,
                                             const Upload& upload,
                                             v1::SubmitChunkHeader* header) {
  header->set_offset(fixture.blobs().PartialSize(header->digest()));
  Messages messages;
  for (auto at = static_cast<size_t>(header->offset()); at < upload.tar.size();
       at += upload.frame_bytes) {
    messages.push_back(FrameAt(upload, at));
  }
  return fixture.Submit(*header, std::move(messages));
}

}  // namespace
}  // namespace keel::testing

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace keel::testing;  // NOLINT(google-build-using-namespace)
  const Upload upload = Parse(FuzzInput(data, size));
  Fixture fixture;
  fixture.CreateStream(upload.Has(kSmallLimits));
  auto header = HeaderOf(upload);
  Messages messages;
  for (size_t at = 0; at < upload.tar.size(); at += upload.frame_bytes) {
    messages.push_back(FrameAt(upload, at));
  }
  Break(upload, header, messages);
  const auto first = fixture.Submit(header, std::move(messages));
  if (first.ok()) {
    CheckAccepted(fixture, upload, header);
    return 0;
  }
  CheckRefused(fixture, first.status(), header);
  const auto second = GoOn(fixture, upload, &header);
  if (second.ok()) {
    CheckAccepted(fixture, upload, header);
  } else {
    CheckRefused(fixture, second.status(), header);
  }
  return 0;
}
