// Chunks on their way in: accepted once, resumed, refused by name.
#include <string>

#include "common/file_system.h"
#include "common/sha256.h"
#include "coordinator/store/blob_paths.h"
#include "coordinator/store/directory_blob_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/services/coordinator_fixture.h"

namespace keel::testing {
namespace {

using ::testing::HasSubstr;

class SubmitTest : public CoordinatorFixture {
 protected:
  void SetUp() override {
    StartServer();
    CreateSmallStream("s");
  }
  v1::Stream GetStream(const std::string& name) {
    grpc::ClientContext context;
    v1::GetStreamRequest request;
    request.set_name(name);
    v1::Stream stream;
    EXPECT_TRUE(stubs().streams->GetStream(&context, request, &stream).ok());
    return stream;
  }
  v1::Upload GetUpload(const std::string& digest) {
    grpc::ClientContext context;
    v1::GetUploadRequest request;
    request.set_stream("s");
    request.set_digest(digest);
    v1::Upload upload;
    EXPECT_TRUE(stubs().streams->GetUpload(&context, request, &upload).ok());
    return upload;
  }
};

TEST_F(SubmitTest, AcceptsAChunkAndMakesAPhase) {
  const v1::Chunk chunk = SubmitShard("s", "x");
  EXPECT_EQ(chunk.number(), 1);
  EXPECT_EQ(chunk.samples().accepted_count(), 10);
  const v1::Phase phase =
      AwaitPhase(*stubs().phases, "s", 1, v1::Phase::QUEUED);
  EXPECT_EQ(phase.state(), v1::Phase::QUEUED);
  EXPECT_EQ(phase.sample_count(), 10);
  EXPECT_EQ(phase.step_count(), 6);  // 2 epochs of ceil(10 / 4) steps
  EXPECT_EQ(phase.parent(), -1);
  EXPECT_EQ(GetStream("s").backlog_chunk_count(), 0);
}

TEST_F(SubmitTest, AnswersTheSameChunkTwiceWithOneEffect) {
  const std::string shard = MakeShard(10, "x");
  const auto first = Submit(*stubs().streams, HeaderOf("s", shard), shard);
  const auto second = Submit(*stubs().streams, HeaderOf("s", shard), shard);
  ASSERT_TRUE(second.status.ok()) << second.status.error_message();
  EXPECT_FALSE(first.response.duplicate());
  EXPECT_TRUE(second.response.duplicate());
  EXPECT_EQ(second.response.chunk().number(), 1);
  EXPECT_TRUE(GetUpload(HeaderOf("s", shard).digest()).complete());
}

TEST_F(SubmitTest, RefusesARequestIdThatWasUsedForOtherBytes) {
  const std::string shard = MakeShard(10, "x"), other = MakeShard(10, "y");
  v1::SubmitChunkHeader header = HeaderOf("s", shard);
  header.set_request_id("r");
  ASSERT_TRUE(Submit(*stubs().streams, header, shard).status.ok());
  header = HeaderOf("s", other);
  header.set_request_id("r");
  const auto result = Submit(*stubs().streams, header, other);
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(ReasonIn(result.status), "REQUEST_ID_REUSED");
}

TEST_F(SubmitTest, RemembersARequestIdOfADuplicate) {
  const std::string shard = MakeShard(10, "x"), other = MakeShard(10, "y");
  ASSERT_TRUE(
      Submit(*stubs().streams, HeaderOf("s", shard), shard).status.ok());
  v1::SubmitChunkHeader header = HeaderOf("s", shard);
  header.set_request_id("r");
  ASSERT_TRUE(Submit(*stubs().streams, header, shard).status.ok());
  header = HeaderOf("s", other);
  header.set_request_id("r");
  EXPECT_EQ(ReasonIn(Submit(*stubs().streams, header, other).status),
            "REQUEST_ID_REUSED");
}

TEST_F(SubmitTest, GoesOnWhereABrokenUploadStopped) {
  const std::string shard = MakeShard(10, "x");
  v1::SubmitChunkHeader header = HeaderOf("s", shard);
  const auto broken = Submit(*stubs().streams, header, shard, 1000, 5000);
  EXPECT_EQ(broken.status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(ReasonIn(broken.status), "UPLOAD_INCOMPLETE");
  EXPECT_EQ(GetUpload(header.digest()).received_bytes(), 5000);
  EXPECT_FALSE(GetUpload(header.digest()).complete());

  header.set_offset(4000);
  EXPECT_EQ(ReasonIn(Submit(*stubs().streams, header, shard).status),
            "UPLOAD_OFFSET");
  header.set_offset(5000);
  const auto resumed = Submit(*stubs().streams, header, shard);
  ASSERT_TRUE(resumed.status.ok()) << resumed.status.error_message();
  EXPECT_EQ(resumed.response.chunk().samples().accepted_count(), 10);
}

TEST_F(SubmitTest, KeepsABrokenUploadAcrossARestart) {
  const std::string shard = MakeShard(10, "x");
  v1::SubmitChunkHeader header = HeaderOf("s", shard);
  Submit(*stubs().streams, header, shard, 1000, 5000);
  StopServer();
  StartServer();
  header.set_offset(5000);
  const auto resumed = Submit(*stubs().streams, header, shard);
  ASSERT_TRUE(resumed.status.ok()) << resumed.status.error_message();
}

TEST_F(SubmitTest, RefusesDamagedFramesAndKeepsNoneOfThem) {
  const std::string shard = MakeShard(10, "x");
  grpc::ClientContext context;
  v1::SubmitChunkResponse response;
  auto writer = stubs().streams->SubmitChunk(&context, &response);
  v1::SubmitChunkRequest message;
  *message.mutable_header() = HeaderOf("s", shard);
  writer->Write(message);
  message.mutable_frame()->set_data(shard);
  message.mutable_frame()->set_crc32(1);
  writer->Write(message);
  const grpc::Status status = writer->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(ReasonIn(status), "FRAME_CHECKSUM");
  EXPECT_EQ(GetUpload(HeaderOf("s", shard).digest()).received_bytes(), 0);
}

TEST_F(SubmitTest, RefusesBytesOfAnotherDigest) {
  const std::string shard = MakeShard(10, "x"), other = MakeShard(10, "y");
  v1::SubmitChunkHeader header = HeaderOf("s", shard);
  header.set_digest(HeaderOf("s", other).digest());
  const auto result = Submit(*stubs().streams, header, shard);
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(ReasonIn(result.status), "DIGEST_MISMATCH");
  EXPECT_EQ(GetUpload(header.digest()).received_bytes(), 0);
}

TEST_F(SubmitTest, RefusesWhatIsNoShardAndForgetsItsBytes) {
  const std::string garbage(4096, 'x');
  const v1::SubmitChunkHeader header = HeaderOf("s", garbage);
  const auto result = Submit(*stubs().streams, header, garbage);
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(GetUpload(header.digest()).received_bytes(), 0);
}

TEST_F(SubmitTest, RefusesUnknownStreamsBadDigestsAndSizes) {
  const std::string shard = MakeShard(1, "x");
  EXPECT_EQ(Submit(*stubs().streams, HeaderOf("no", shard), shard)
                .status.error_code(),
            grpc::StatusCode::NOT_FOUND);
  v1::SubmitChunkHeader header = HeaderOf("s", shard);
  header.set_digest("abc");
  EXPECT_EQ(Submit(*stubs().streams, header, shard).status.error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  header = HeaderOf("s", shard);
  header.set_size_bytes(int64_t{1} << 60);
  EXPECT_EQ(ReasonIn(Submit(*stubs().streams, header, shard).status),
            "CHUNK_SIZE");
}

TEST_F(SubmitTest, RefusesChunksBeforeTheDiskIsFull) {
  StopServer();
  options_.min_free_bytes = int64_t{1} << 60;
  StartServer();
  const std::string shard = MakeShard(1, "x");
  const auto result = Submit(*stubs().streams, HeaderOf("s", shard), shard);
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonIn(result.status), "DISK_LOW");
}

TEST_F(SubmitTest, AnswersARepeatOnALowDiskAndKeepsWhatABrokenUploadBrought) {
  const std::string shard = MakeShard(10, "x"), other = MakeShard(10, "y");
  ASSERT_TRUE(
      Submit(*stubs().streams, HeaderOf("s", shard), shard).status.ok());
  v1::SubmitChunkHeader header = HeaderOf("s", other);
  const auto broken = Submit(*stubs().streams, header, other, 1000, 5000);
  EXPECT_EQ(ReasonIn(broken.status), "UPLOAD_INCOMPLETE");
  StopServer();
  options_.min_free_bytes = int64_t{1} << 60;
  StartServer();
  const auto again = Submit(*stubs().streams, HeaderOf("s", shard), shard);
  ASSERT_TRUE(again.status.ok()) << again.status.error_message();
  EXPECT_TRUE(again.response.duplicate());
  header.set_offset(5000);
  EXPECT_EQ(ReasonIn(Submit(*stubs().streams, header, other).status),
            "DISK_LOW");
  EXPECT_EQ(GetUpload(header.digest()).received_bytes(), 5000);
}

TEST_F(SubmitTest, RefusesLongTextsOfARequest) {
  const std::string shard = MakeShard(1, "x");
  v1::SubmitChunkHeader header = HeaderOf("s", shard);
  header.set_request_id(std::string(256, 'r'));
  EXPECT_EQ(ReasonIn(Submit(*stubs().streams, header, shard).status),
            "TEXT_TOO_LONG");
  header.set_request_id(std::string(255, 'r'));
  EXPECT_TRUE(Submit(*stubs().streams, header, shard).status.ok());
}

TEST_F(SubmitTest, TakesTheSameBytesIntoASecondStreamWithoutSendingThem) {
  const std::string shard = MakeShard(10, "x");
  ASSERT_TRUE(
      Submit(*stubs().streams, HeaderOf("s", shard), shard).status.ok());
  CreateSmallStream("t");
  v1::SubmitChunkHeader header = HeaderOf("t", shard);
  header.set_offset(header.size_bytes());
  const auto result = Submit(*stubs().streams, header, shard);
  ASSERT_TRUE(result.status.ok()) << result.status.error_message();
  EXPECT_FALSE(result.response.duplicate());
  EXPECT_EQ(result.response.chunk().samples().accepted_count(), 10);
}

TEST_F(SubmitTest, MakesNoPhaseOfAProbeChunk) {
  SubmitShard("s", "probe", /*probe_only=*/true);
  SubmitShard("s", "train");
  const v1::Phase phase =
      AwaitPhase(*stubs().phases, "s", 1, v1::Phase::QUEUED);
  EXPECT_EQ(phase.chunk_digests_size(), 1);
  EXPECT_EQ(GetStream("s").last_phase(), 1);
}

TEST_F(SubmitTest, KeepsStreamsAndChunksAcrossARestart) {
  SubmitShard("s", "x");
  const v1::Stream before = GetStream("s");
  StopServer();
  StartServer();
  EXPECT_EQ(GetStream("s").uid(), before.uid());
  grpc::ClientContext context;
  v1::ListChunksRequest request;
  request.set_stream("s");
  v1::ListChunksResponse page;
  ASSERT_TRUE(stubs().streams->ListChunks(&context, request, &page).ok());
  ASSERT_EQ(page.chunks_size(), 1);
  EXPECT_EQ(page.chunks(0).display_name(), "x.tar");
}

TEST_F(SubmitTest, CreatesAStreamOnceAndNamesBadConfigs) {
  const grpc::Status again = CreateStream(*stubs().streams, "s", SmallConfig());
  EXPECT_EQ(again.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(
      CreateStream(*stubs().streams, "Bad Name", SmallConfig()).error_code(),
      grpc::StatusCode::INVALID_ARGUMENT);
  v1::StreamConfig config = SmallConfig();
  config.mutable_method()->set_name("magic");
  const grpc::Status bad = CreateStream(*stubs().streams, "t", config);
  EXPECT_EQ(bad.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(bad.error_message(), HasSubstr("method"));
  EXPECT_EQ(ReasonIn(bad), "CONFIG_VALUE");
}

TEST_F(SubmitTest, RepeatsTheAnswerToTheSameCreateRequest) {
  v1::CreateStreamRequest request;
  request.set_name("t");
  request.set_request_id("r");
  v1::Stream first, second;
  grpc::ClientContext a, b;
  ASSERT_TRUE(stubs().streams->CreateStream(&a, request, &first).ok());
  ASSERT_TRUE(stubs().streams->CreateStream(&b, request, &second).ok());
  EXPECT_EQ(first.uid(), second.uid());
  v1::CreateStreamRequest renamed = request;
  renamed.set_name("t2");
  grpc::ClientContext d;
  const grpc::Status elsewhere =
      stubs().streams->CreateStream(&d, renamed, &second);
  EXPECT_EQ(elsewhere.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(ReasonIn(elsewhere), "REQUEST_ID_REUSED");
  request.mutable_config()->mutable_train()->set_epochs(77);
  grpc::ClientContext c;
  const grpc::Status other =
      stubs().streams->CreateStream(&c, request, &second);
  EXPECT_EQ(other.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(ReasonIn(other), "REQUEST_ID_REUSED");
}

TEST_F(SubmitTest, TakesADamagedChunkAnewWhenItIsSubmittedAgain) {
  const std::string shard = MakeShard(10, "x");
  const v1::SubmitChunkHeader header = HeaderOf("s", shard);
  ASSERT_TRUE(Submit(*stubs().streams, header, shard).status.ok());
  const std::string path =
      BlobPath(JoinPath(options_.state_dir, "blobs"), header.digest());
  std::string bytes = ReadFile(path).value();
  bytes[700] ^= 1;
  ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
  const auto again = Submit(*stubs().streams, header, shard);
  ASSERT_TRUE(again.status.ok()) << again.status.error_message();
  EXPECT_TRUE(again.response.duplicate());
  EXPECT_EQ(ReadFile(path).value(), shard);
}

TEST_F(SubmitTest, SaysThatTheBytesOfAnAcceptedChunkAreMissing) {
  const std::string shard = MakeShard(10, "x");
  const v1::SubmitChunkHeader header = HeaderOf("s", shard);
  ASSERT_TRUE(Submit(*stubs().streams, header, shard).status.ok());
  const std::string path =
      BlobPath(JoinPath(options_.state_dir, "blobs"), header.digest());
  ASSERT_TRUE(WriteFileAtomically(path, shard.substr(0, 700)).ok());
  EXPECT_FALSE(GetUpload(header.digest()).complete());
  ASSERT_TRUE(RemoveFile(path).ok());
  EXPECT_FALSE(GetUpload(header.digest()).complete());
  EXPECT_EQ(GetUpload(header.digest()).received_bytes(), 0);
  const auto again = Submit(*stubs().streams, header, shard);
  ASSERT_TRUE(again.status.ok()) << again.status.error_message();
  EXPECT_TRUE(again.response.duplicate());
  EXPECT_TRUE(GetUpload(header.digest()).complete());
}

TEST_F(SubmitTest, RefusesAnAcceptedChunkForAnotherUse) {
  const std::string trained = MakeShard(10, "x"), probe = MakeShard(10, "y");
  v1::SubmitChunkHeader header = HeaderOf("s", trained);
  ASSERT_TRUE(Submit(*stubs().streams, header, trained).status.ok());
  header.set_probe_only(true);
  header.set_request_id("r");
  const auto again = Submit(*stubs().streams, header, trained);
  EXPECT_EQ(again.status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(ReasonIn(again.status), "PROBE_MISMATCH");
  // The refusal has not used the request's id.
  header = HeaderOf("s", probe);
  header.set_probe_only(true);
  header.set_request_id("r");
  ASSERT_TRUE(Submit(*stubs().streams, header, probe).status.ok());
  EXPECT_EQ(
      ReasonIn(Submit(*stubs().streams, HeaderOf("s", probe), probe).status),
      "PROBE_MISMATCH");
}

TEST_F(SubmitTest, AnOriginStaysWithItsProbeSet) {
  const std::string shard = MakeShard(10, "x");
  v1::SubmitChunkHeader header = HeaderOf("s", shard);
  header.set_probe_only(true);
  header.set_origin(2);
  const auto first = Submit(*stubs().streams, header, shard);
  ASSERT_TRUE(first.status.ok()) << first.status.error_message();
  EXPECT_EQ(first.response.chunk().origin(), 2);
  EXPECT_TRUE(Submit(*stubs().streams, header, shard).response.duplicate());
  header.set_origin(3);
  const auto other = Submit(*stubs().streams, header, shard);
  EXPECT_EQ(ReasonIn(other.status), "PROBE_MISMATCH");
  EXPECT_THAT(other.status.error_message(),
              HasSubstr("as a probe set of origin 2, not as a probe set of "
                        "origin 3"));
  header.clear_origin();
  const auto again = Submit(*stubs().streams, header, shard);
  EXPECT_TRUE(again.response.duplicate()) << again.status.error_message();
  EXPECT_EQ(again.response.chunk().origin(), 2);
}

TEST_F(SubmitTest, RefusesAnOriginThatIsNone) {
  const std::string shard = MakeShard(10, "x");
  v1::SubmitChunkHeader header = HeaderOf("s", shard);
  header.set_origin(2);
  EXPECT_EQ(ReasonIn(Submit(*stubs().streams, header, shard).status), "ORIGIN");
  header.set_probe_only(true);
  header.set_origin(-1);
  EXPECT_EQ(ReasonIn(Submit(*stubs().streams, header, shard).status), "ORIGIN");
}

TEST_F(SubmitTest, RemovesWhatACrashLeftBehind) {
  SubmitShard("s", "x");
  StopServer();
  const std::string blobs = JoinPath(options_.state_dir, "blobs");
  const auto store = DirectoryBlobStore::Open({.path = blobs});
  ASSERT_TRUE(store.ok()) << store.status();
  const size_t needed = (*store)->List()->size();
  ASSERT_TRUE((*store)->Put("an orphan").ok());
  StartServer();
  EXPECT_EQ((*store)->List()->size(), needed);
  EXPECT_FALSE((*store)->Size(Sha256Hex("an orphan")).ok());
}

}  // namespace
}  // namespace keel::testing
