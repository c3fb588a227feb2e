#include "worker/agent/artifact_uploader.h"

#include <string>

#include "absl/time/clock.h"
#include "common/sha256.h"
#include "gtest/gtest.h"
#include "tests/testing/test_folder.h"
#include "tests/worker/agent/fake_coordinator.h"
#include "worker/agent/coordinator_channel.h"

namespace keel {
namespace {

class ArtifactUploaderTest : public testing::Test {
 protected:
  ArtifactUploaderTest() {
    for (const auto& [name, bytes] :
         {std::pair("a.bin", large_), std::pair("b.json", std::string("{}"))}) {
      files_.push_back({name, folder_.Write(name, bytes)});
    }
    header_.set_generation(3);
    header_.set_kind(v1::ArtifactHeader::RESULT);
  }

  static ArtifactUploader::Options Fast() {
    ArtifactUploader::Options options;
    options.frame_bytes = 1000;
    options.backoff = {absl::Milliseconds(1), absl::Milliseconds(5)};
    return options;
  }
  // Answers the first uploads with `statuses`, the others with OK.
  void Answer(std::vector<grpc::Status> statuses) {
    coordinator_.SetUploadHandler(
        [statuses, n = size_t{0}](const auto&) mutable {
          return n < statuses.size() ? statuses[n++] : grpc::Status::OK;
        });
  }
  absl::Status Upload() { return uploader_.Upload(header_, files_, stop_); }

  const std::string large_ = std::string(2500, 'x') + "end";
  const TestFolder folder_;
  v1::ArtifactHeader header_;
  std::vector<LocalFile> files_;
  // Both outlive the coordinator, whose handlers use them.
  absl::Notification stop_;
  absl::Notification returned_;
  FakeCoordinator coordinator_;
  ArtifactUploader uploader_{
      Fast(), MakeCoordinatorChannel({coordinator_.address()}, "test")};
};

TEST_F(ArtifactUploaderTest, SendsHeaderFilesAndBytes) {
  ASSERT_TRUE(Upload().ok());
  const auto uploads = coordinator_.uploads();
  ASSERT_EQ(uploads.size(), 1u);
  EXPECT_EQ(uploads[0].header.generation(), 3);
  ASSERT_EQ(uploads[0].files.size(), 2u);
  EXPECT_EQ(uploads[0].files[0].name(), "a.bin");
  EXPECT_EQ(uploads[0].files[0].size_bytes(), 2503);
  EXPECT_EQ(uploads[0].files[0].digest(), Sha256Hex(large_));
  EXPECT_EQ(uploads[0].bytes[0], large_);
  EXPECT_EQ(uploads[0].bytes[1], "{}");
}

TEST_F(ArtifactUploaderTest, TriesAgainWhileTheCoordinatorIsAwayOrFull) {
  Answer({grpc::Status(grpc::StatusCode::UNAVAILABLE, "restarting"),
          grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "disk full")});
  EXPECT_TRUE(Upload().ok());
  EXPECT_EQ(coordinator_.uploads().size(), 3u);
}

TEST_F(ArtifactUploaderTest, AbortedIsFinal) {
  Answer({grpc::Status(grpc::StatusCode::ABORTED, "stale generation")});
  EXPECT_EQ(Upload().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(coordinator_.uploads().size(), 1u);
}

TEST_F(ArtifactUploaderTest, StopEndsTheTries) {
  coordinator_.SetUploadHandler([this](const auto&) {
    if (!stop_.HasBeenNotified()) stop_.Notify();
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "away");
  });
  EXPECT_EQ(Upload().code(), absl::StatusCode::kCancelled);
}

TEST_F(ArtifactUploaderTest, StopEndsTheWaitForAnAnswer) {
  coordinator_.SetUploadHandler([this](const auto&) {
    stop_.Notify();
    returned_.WaitForNotification();
    return grpc::Status::OK;
  });
  const absl::Time begin = absl::Now();
  EXPECT_EQ(Upload().code(), absl::StatusCode::kCancelled);
  // Not by the try's own deadline of two minutes.
  EXPECT_LT(absl::Now() - begin, absl::Seconds(60));
  returned_.Notify();
}

TEST_F(ArtifactUploaderTest, StopEndsTheDigestOfAFile) {
  stop_.Notify();
  EXPECT_EQ(Upload().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(coordinator_.uploads().empty());
}

TEST_F(ArtifactUploaderTest, ReportsAMissingFile) {
  files_[0].path += ".gone";
  EXPECT_EQ(Upload().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace keel
