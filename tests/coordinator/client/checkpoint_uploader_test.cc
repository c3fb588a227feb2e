#include "coordinator/client/checkpoint_uploader.h"

#include <map>
#include <mutex>

#include "common/sha256.h"
#include "gtest/gtest.h"
#include "tests/coordinator/client/service_host.h"
#include "tests/testing/test_folder.h"

namespace keel {
namespace {

class FakeUploads : public v1::CheckpointService::Service {
 public:
  grpc::Status UploadCheckpoint(
      grpc::ServerContext*,
      grpc::ServerReader<v1::UploadCheckpointRequest>* reader,
      v1::UploadCheckpointResponse* response) override {
    const std::lock_guard<std::mutex> lock(mu_);
    files_.clear();
    v1::UploadCheckpointRequest request;
    v1::CheckpointFile file;
    while (reader->Read(&request)) {
      if (request.has_file()) {
        file = request.file();
        file_count_ = request.file_count();
        files_[file.name()];
        continue;
      }
      files_[file.name()] += request.frame().data();
      if (breaks_ > 0) {
        --breaks_;
        return {grpc::StatusCode::UNAVAILABLE, "broken on purpose"};
      }
    }
    if (Sha256Hex(files_[file.name()]) != file.digest()) {
      return {grpc::StatusCode::DATA_LOSS, "wrong digest"};
    }
    response->set_id("id-7");
    return grpc::Status::OK;
  }

  int breaks_ = 0;
  int file_count_ = 0;
  std::map<std::string, std::string> files_;

 private:
  std::mutex mu_;
};

TEST(FindInitialCheckpointTest, TakesAFolderInOpenClipsLayout) {
  TestFolder folder;
  folder.Write("open_clip_model.safetensors", "w");
  EXPECT_EQ(FindInitialCheckpoint(folder.Path(""))->size(), 1u);
  folder.Write("open_clip_config.json", "{}");
  const auto files = FindInitialCheckpoint(folder.Path(""));
  ASSERT_EQ(files->size(), 2u);
  EXPECT_EQ((*files)[1].name, "open_clip_config.json");
}

TEST(FindInitialCheckpointTest, TakesAFileOfTensors) {
  TestFolder folder;
  const auto files =
      FindInitialCheckpoint(folder.Write("mine.safetensors", "w"));
  ASSERT_EQ(files->size(), 1u);
  EXPECT_EQ((*files)[0].name, "open_clip_model.safetensors");
}

TEST(FindInitialCheckpointTest, RefusesOtherPaths) {
  TestFolder folder;
  EXPECT_TRUE(
      absl::IsNotFound(FindInitialCheckpoint(folder.Path("missing")).status()));
  EXPECT_TRUE(
      absl::IsNotFound(FindInitialCheckpoint(folder.Path("")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      FindInitialCheckpoint(folder.Write("model.bin", "w")).status()));
}

TEST(CheckpointUploaderTest, StartsAnewAfterABrokenLine) {
  TestFolder folder;
  FakeUploads service;
  service.breaks_ = 2;
  ServiceHost host(service);
  const auto stub = v1::CheckpointService::NewStub(host.Channel());
  TransferOptions options;
  options.frame_bytes = 100;
  options.sleep = [](absl::Duration) {};
  const std::string weights(1234, 'w');
  const auto id =
      CheckpointUploader(*stub, options)
          .Upload(
              {{"open_clip_config.json", folder.Write("c", "{}")},
               {"open_clip_model.safetensors", folder.Write("w", weights)}});
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_EQ(*id, "id-7");
  EXPECT_EQ(service.file_count_, 2);
  EXPECT_EQ(service.files_["open_clip_model.safetensors"], weights);
  EXPECT_EQ(service.files_["open_clip_config.json"], "{}");
}

}  // namespace
}  // namespace keel
