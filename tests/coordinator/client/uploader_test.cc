#include "coordinator/client/uploader.h"

#include <atomic>
#include <mutex>

#include "common/grpc/status.h"
#include "common/reason.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/client/service_host.h"
#include "tests/testing/test_folder.h"

namespace keel {
namespace {

using ::testing::ElementsAre;

// Keeps what it gets, and ends calls in the middle when told to.
class FakeStreams : public v1::StreamService::Service {
 public:
  grpc::Status GetUpload(grpc::ServerContext*, const v1::GetUploadRequest*,
                         v1::Upload* upload) override {
    const std::lock_guard<std::mutex> lock(mu_);
    upload->set_received_bytes(bytes_.size());
    upload->set_complete(complete_ || (damaged_ && bytes_.empty()));
    return grpc::Status::OK;
  }
  grpc::Status SubmitChunk(grpc::ServerContext*,
                           grpc::ServerReader<v1::SubmitChunkRequest>* reader,
                           v1::SubmitChunkResponse* response) override {
    const std::lock_guard<std::mutex> lock(mu_);
    v1::SubmitChunkRequest request;
    if (!reader->Read(&request)) return Broken();
    header_ = request.header();
    offsets_.push_back(header_.offset());
    if (!refusal_.ok()) {
      for (int i = 0; i < lost_frames_; ++i) reader->Read(&request);
      ++lost_frames_;
      return refusal_;
    }
    if (complete_) {
      response->set_duplicate(true);
      return grpc::Status::OK;
    }
    if (header_.offset() != static_cast<int64_t>(bytes_.size())) {
      return ToGrpcStatus(WithReason(
          absl::FailedPreconditionError("the upload goes on elsewhere"),
          {"UPLOAD_OFFSET",
           {{"received_bytes", absl::StrCat(bytes_.size())}}}));
    }
    while (reader->Read(&request)) {
      if (request.frame().offset() != static_cast<int64_t>(bytes_.size()) ||
          Crc32(request.frame().data()) != request.frame().crc32()) {
        return {grpc::StatusCode::DATA_LOSS, "bad frame"};
      }
      bytes_ += request.frame().data();
      if (breaks_ > 0) {
        --breaks_;
        return Broken();
      }
    }
    complete_ = Sha256Hex(bytes_) == header_.digest();
    response->mutable_chunk()->set_digest(header_.digest());
    return grpc::Status::OK;
  }

  // Calls that end after one frame.
  int breaks_ = 0;
  // What every call ends with, each one frame later than the one before it;
  // the frames are lost.
  grpc::Status refusal_;
  int lost_frames_ = 0;
  bool complete_ = false;
  // It believes that it has all, until it looks at the bytes.
  bool damaged_ = false;
  std::string bytes_;
  v1::SubmitChunkHeader header_;
  std::vector<int64_t> offsets_;

 private:
  static grpc::Status Broken() {
    return {grpc::StatusCode::UNAVAILABLE, "broken on purpose"};
  }
  std::mutex mu_;
};

class UploaderTest : public ::testing::Test {
 protected:
  UploaderTest()
      : host_(service_), stub_(v1::StreamService::NewStub(host_.Channel())) {
    for (int i = 0; i < 1000; ++i) data_ += absl::StrCat(i, ",");
    upload_.stream = "s";
    upload_.path = folder_.Write("a shard.tar", data_);
    options_.frame_bytes = 1000;
    options_.sleep = [this](absl::Duration) { ++sleeps_; };
  }
  absl::StatusOr<v1::SubmitChunkResponse> Upload() {
    return Uploader(*stub_, options_).Upload(upload_);
  }

  TestFolder folder_;
  std::string data_;
  FakeStreams service_;
  ServiceHost host_;
  std::unique_ptr<v1::StreamService::Stub> stub_;
  ChunkUpload upload_;
  TransferOptions options_;
  int sleeps_ = 0;
};

TEST_F(UploaderTest, SendsANameOfAnyBytes) {
  upload_.path = folder_.Write("caf\xe9.tar", data_);
  const auto response = Upload();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(service_.header_.display_name(), "caf?.tar");
}

TEST_F(UploaderTest, SendsAFileInFrames) {
  upload_.probe_only = true;
  upload_.origin = 0;
  upload_.request_id = "r1";
  const auto response = Upload();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(service_.bytes_, data_);
  EXPECT_TRUE(service_.complete_);
  EXPECT_EQ(service_.header_.stream(), "s");
  EXPECT_EQ(service_.header_.display_name(), "a shard.tar");
  EXPECT_EQ(service_.header_.size_bytes(), static_cast<int64_t>(data_.size()));
  EXPECT_EQ(service_.header_.request_id(), "r1");
  EXPECT_TRUE(service_.header_.probe_only());
  EXPECT_TRUE(service_.header_.has_origin());
  EXPECT_EQ(sleeps_, 0);
}

TEST_F(UploaderTest, GoesOnWhereABrokenLineStopped) {
  service_.breaks_ = 2;
  const auto response = Upload();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(service_.bytes_, data_);
  EXPECT_THAT(service_.offsets_, ElementsAre(0, 1000, 2000));
  EXPECT_EQ(sleeps_, 2);
}

TEST_F(UploaderTest, SendsNothingThatTheServerHas) {
  service_.complete_ = true;
  const auto response = Upload();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->duplicate());
  EXPECT_EQ(service_.bytes_, "");
  EXPECT_THAT(service_.offsets_, ElementsAre(data_.size()));
}

TEST_F(UploaderTest, SendsADamagedChunkAnew) {
  service_.damaged_ = true;
  service_.breaks_ = 1;
  const auto response = Upload();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(service_.bytes_, data_);
  EXPECT_THAT(service_.offsets_, ElementsAre(data_.size(), 0, 1000));
  EXPECT_EQ(sleeps_, 1);
}

TEST_F(UploaderTest, GivesUpWhenTheServerContradictsItself) {
  service_.refusal_ =
      ToGrpcStatus(WithReason(absl::FailedPreconditionError("elsewhere"),
                              {"UPLOAD_OFFSET", {{"received_bytes", "7"}}}));
  EXPECT_TRUE(absl::IsFailedPrecondition(Upload().status()));
  EXPECT_THAT(service_.offsets_, ElementsAre(0, 7));
}

TEST_F(UploaderTest, GivesARefusalBackAtOnce) {
  service_.refusal_ = {grpc::StatusCode::ALREADY_EXISTS, "other bytes"};
  const auto response = Upload();
  EXPECT_TRUE(absl::IsAlreadyExists(response.status()));
  EXPECT_EQ(sleeps_, 0);
}

TEST_F(UploaderTest, GivesUpWhenTheServerStaysAway) {
  service_.refusal_ = {grpc::StatusCode::UNAVAILABLE, "away"};
  options_.give_up_after = absl::Seconds(10);
  EXPECT_TRUE(absl::IsUnavailable(Upload().status()));
  // 0.2 + 0.4 + 0.8 + 1.6 + 3.2 + 5 seconds: frames that went out are no
  // progress.
  EXPECT_EQ(sleeps_, 6);
}

TEST_F(UploaderTest, TellsItsProgress) {
  int64_t last = 0;
  options_.progress = [&](int64_t done, int64_t total) {
    EXPECT_GT(done, last);
    EXPECT_EQ(total, static_cast<int64_t>(data_.size()));
    last = done;
  };
  ASSERT_TRUE(Upload().ok());
  EXPECT_EQ(last, static_cast<int64_t>(data_.size()));
}

TEST_F(UploaderTest, NamesAFileThatIsMissing) {
  upload_.path = folder_.Path("missing.tar");
  EXPECT_TRUE(absl::IsNotFound(Upload().status()));
}

}  // namespace
}  // namespace keel
