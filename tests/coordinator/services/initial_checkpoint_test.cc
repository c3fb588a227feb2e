// Checkpoints that users upload to start streams from.
#include <map>
#include <string>

#include "common/file_system.h"
#include "common/grpc/status.h"
#include "common/reason.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/store/directory_blob_store.h"
#include "gtest/gtest.h"
#include "tests/coordinator/services/coordinator_fixture.h"

namespace keel::testing {
namespace {

class InitialCheckpointTest : public CoordinatorFixture {
 protected:
  void SetUp() override { StartServer(); }

  // Sends the files by their names, and announces `file_count` of them.
  absl::StatusOr<std::string> Upload(
      const std::map<std::string, std::string>& files, int file_count) {
    grpc::ClientContext context;
    v1::UploadCheckpointResponse response;
    const auto writer =
        stubs().checkpoints->UploadCheckpoint(&context, &response);
    for (const auto& [name, bytes] : files) {
      v1::UploadCheckpointRequest message;
      message.mutable_file()->set_name(name);
      message.mutable_file()->set_digest(Sha256Hex(bytes));
      message.mutable_file()->set_size_bytes(bytes.size());
      message.set_file_count(file_count);
      writer->Write(message);
      message.Clear();
      message.mutable_frame()->set_data(bytes);
      message.mutable_frame()->set_crc32(Crc32(bytes));
      writer->Write(message);
    }
    writer->WritesDone();
    KEEL_RETURN_IF_ERROR(FromGrpcStatus(writer->Finish()));
    return response.id();
  }
  absl::StatusOr<v1::Stream> Create(const std::string& checkpoint) {
    v1::CreateStreamRequest request;
    request.set_name("s");
    request.set_request_id("create");
    *request.mutable_config() = SmallConfig();
    request.set_initial_checkpoint(checkpoint);
    grpc::ClientContext context;
    v1::Stream stream;
    KEEL_RETURN_IF_ERROR(FromGrpcStatus(
        stubs().streams->CreateStream(&context, request, &stream)));
    return stream;
  }

  const std::map<std::string, std::string> files_ = {{"config.json", "{}"},
                                                     {"weights", "w"}};
};

TEST_F(InitialCheckpointTest, TheSameFilesAreTheSameCheckpoint) {
  const auto first = Upload(files_, 2);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto stream = Create(*first);
  ASSERT_TRUE(stream.ok()) << stream.status();
  const auto second = Upload(files_, 2);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(*first, *second);
  // So the command that does both can be repeated.
  const auto again = Create(*second);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->uid(), stream->uid());
  EXPECT_NE(*Upload({{"weights", "other"}}, 1), *first);
}

TEST_F(InitialCheckpointTest, ACallThatEndsBetweenTwoFilesIsNotRecorded) {
  const auto id = Upload(files_, 3);
  EXPECT_TRUE(absl::IsAborted(id.status()));
  EXPECT_EQ(ReasonOf(id.status()).reason, "UPLOAD_INCOMPLETE");
  StopServer();
  const auto blobs =
      DirectoryBlobStore::Open({.path = JoinPath(options_.state_dir, "blobs")});
  ASSERT_TRUE(blobs.ok()) << blobs.status();
  EXPECT_TRUE((*blobs)->List()->empty());
}

}  // namespace
}  // namespace keel::testing
