#include "coordinator/client/checkpoint_puller.h"

#include <atomic>
#include <map>
#include <mutex>

#include "absl/time/clock.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/client/service_host.h"
#include "tests/testing/test_folder.h"

namespace keel {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

// Serves files in frames of 1000 bytes, breaking or damaging them when told to.
class FakeCheckpoints : public v1::CheckpointService::Service {
 public:
  grpc::Status DownloadFile(
      grpc::ServerContext*, const v1::DownloadFileRequest* request,
      grpc::ServerWriter<v1::DownloadFileResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(mu_);
    calls_.emplace_back(request->file(), request->offset());
    const std::string& data = files_[request->file()];
    for (size_t offset = request->offset(); offset < data.size();
         offset += 1000) {
      v1::DownloadFileResponse response;
      v1::DataFrame* frame = response.mutable_frame();
      frame->set_offset(offset);
      frame->set_data(data.substr(offset, 1000));
      frame->set_crc32(Crc32(frame->data()) ^ (damages_ > 0 ? 1 : 0));
      if (damages_ > 0) --damages_;
      writer->Write(response);
      if (breaks_ > 0) {
        --breaks_;
        // The error could overtake the frame.
        while (arrived_ < static_cast<int64_t>(offset + 1000)) {
          absl::SleepFor(absl::Milliseconds(1));
        }
        return {grpc::StatusCode::UNAVAILABLE, "broken on purpose"};
      }
    }
    return grpc::Status::OK;
  }

  std::map<std::string, std::string> files_;
  // Calls that end after one frame.
  int breaks_ = 0;
  // Bytes of the file that the client has.
  std::atomic<int64_t> arrived_ = 0;
  // Frames that get a wrong checksum.
  int damages_ = 0;
  // (file, offset)
  std::vector<std::pair<std::string, int64_t>> calls_;

 private:
  std::mutex mu_;
};

class CheckpointPullerTest : public ::testing::Test {
 protected:
  CheckpointPullerTest()
      : host_(service_),
        stub_(v1::CheckpointService::NewStub(host_.Channel())) {
    checkpoint_.set_stream("s");
    checkpoint_.set_phase(2);
    // The manifest comes first here, and is to be written last.
    AddFile("keel_manifest.json", "{}");
    std::string weights;
    for (int i = 0; i < 1000; ++i) weights += absl::StrCat(i, ";");
    AddFile("open_clip_model.safetensors", weights);
    options_.sleep = [this](absl::Duration) { ++sleeps_; };
    options_.progress = [this](int64_t done, int64_t) {
      service_.arrived_ = done;
    };
  }
  void AddFile(const std::string& name, const std::string& data) {
    service_.files_[name] = data;
    v1::CheckpointFile* file = checkpoint_.add_files();
    file->set_name(name);
    file->set_size_bytes(data.size());
    file->set_digest(Sha256Hex(data));
  }
  absl::Status Pull() {
    return CheckpointPuller(*stub_, options_)
        .Pull(checkpoint_, folder_.Path("out"));
  }
  const std::string& Weights() {
    return service_.files_["open_clip_model.safetensors"];
  }

  TestFolder folder_;
  FakeCheckpoints service_;
  ServiceHost host_;
  std::unique_ptr<v1::CheckpointService::Stub> stub_;
  v1::Checkpoint checkpoint_;
  TransferOptions options_;
  int sleeps_ = 0;
};

TEST_F(CheckpointPullerTest, BringsAllFilesTheManifestLast) {
  ASSERT_TRUE(Pull().ok());
  EXPECT_EQ(folder_.Read("out/open_clip_model.safetensors"), Weights());
  EXPECT_EQ(folder_.Read("out/keel_manifest.json"), "{}");
  EXPECT_THAT(service_.calls_,
              ElementsAre(Pair("open_clip_model.safetensors", 0),
                          Pair("keel_manifest.json", 0)));
  EXPECT_EQ(ListDirectory(folder_.Path("out"))->size(), 2u);
}

TEST_F(CheckpointPullerTest, GoesOnWhereABrokenLineStopped) {
  service_.breaks_ = 2;
  ASSERT_TRUE(Pull().ok());
  EXPECT_EQ(folder_.Read("out/open_clip_model.safetensors"), Weights());
  EXPECT_THAT(service_.calls_,
              ElementsAre(Pair("open_clip_model.safetensors", 0),
                          Pair("open_clip_model.safetensors", 1000),
                          Pair("open_clip_model.safetensors", 2000),
                          Pair("keel_manifest.json", 0)));
  EXPECT_EQ(sleeps_, 2);
}

TEST_F(CheckpointPullerTest, GoesOnWithWhatAnEarlierRunLeft) {
  folder_.Write("out/open_clip_model.safetensors.partial",
                Weights().substr(0, 700));
  ASSERT_TRUE(Pull().ok());
  EXPECT_EQ(service_.calls_[0].second, 700);
  EXPECT_EQ(folder_.Read("out/open_clip_model.safetensors"), Weights());
}

TEST_F(CheckpointPullerTest, StartsAnewWhenTheRestOfAnEarlierRunIsWrong) {
  folder_.Write("out/open_clip_model.safetensors.partial",
                std::string(700, 'x'));
  ASSERT_TRUE(Pull().ok());
  EXPECT_EQ(service_.calls_[0].second, 700);
  EXPECT_EQ(service_.calls_[1].second, 0);
  EXPECT_EQ(folder_.Read("out/open_clip_model.safetensors"), Weights());
}

TEST_F(CheckpointPullerTest, LeavesAloneWhatIsThereAlready) {
  ASSERT_TRUE(Pull().ok());
  service_.calls_.clear();
  ASSERT_TRUE(Pull().ok());
  EXPECT_TRUE(service_.calls_.empty());
}

TEST_F(CheckpointPullerTest, ReplacesAFileWithOtherBytes) {
  folder_.Write("out/keel_manifest.json", "[]");
  ASSERT_TRUE(Pull().ok());
  EXPECT_EQ(folder_.Read("out/keel_manifest.json"), "{}");
}

TEST_F(CheckpointPullerTest, LoadsADamagedFrameOnceMore) {
  service_.damages_ = 1;
  ASSERT_TRUE(Pull().ok());
  EXPECT_EQ(folder_.Read("out/open_clip_model.safetensors"), Weights());
}

TEST_F(CheckpointPullerTest, RefusesBytesThatKeepHavingAnotherDigest) {
  checkpoint_.mutable_files(1)->set_digest(Sha256Hex("something else"));
  EXPECT_TRUE(absl::IsDataLoss(Pull()));
  // Nothing that looks whole is left.
  EXPECT_TRUE(ListDirectory(folder_.Path("out"))->empty());
}

TEST_F(CheckpointPullerTest, RefusesNamesThatLeaveTheFolder) {
  for (const char* name : {"../evil", "", "..", "a/b"}) {
    checkpoint_.mutable_files(0)->set_name(name);
    EXPECT_TRUE(absl::IsDataLoss(Pull())) << name;
  }
  EXPECT_TRUE(service_.calls_.empty());
}

TEST_F(CheckpointPullerTest, CountsTheBytesOfAllFiles) {
  int64_t last = 0;
  options_.progress = [&](int64_t done, int64_t total) {
    EXPECT_GE(done, last);
    EXPECT_EQ(total, static_cast<int64_t>(Weights().size()) + 2);
    last = done;
  };
  ASSERT_TRUE(Pull().ok());
  EXPECT_EQ(last, static_cast<int64_t>(Weights().size()) + 2);
}

}  // namespace
}  // namespace keel
