// Chunks on their way to a disk that fails, fills up, and loses power.
#include "coordinator/services/chunk_receiver.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/sha256.h"
#include "coordinator/services/coordinator_parts.h"
#include "coordinator/store/blob_paths.h"
#include "coordinator/store/directory_blob_store.h"
#include "gtest/gtest.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/image_files.h"
#include "tests/testing/memory_file_system.h"
#include "tests/testing/memory_store.h"
#include "tests/testing/tar_writer.h"

namespace keel::testing {
namespace {

constexpr char kRoot[] = "/state/blobs";

std::string MakeShard(const std::string& seed) {
  TarWriter tar;
  for (int i = 0; i < 4; ++i) {
    tar.Add(absl::StrCat(i, ".png"), PngFile(8, 8, absl::StrCat(seed, i)));
    tar.Add(absl::StrCat(i, ".txt"), "a caption");
  }
  return tar.Finish();
}

class ChunkReceiverTest : public ::testing::Test {
 protected:
  ChunkReceiverTest() {
    Start();
    CreateStream("s");
  }
  // The coordinator, from what its disk and its database hold.
  void Start() {
    parts_.reset();
    cluster_.reset();
    blobs_ = DirectoryBlobStore::Open({.path = kRoot, .file_system = &disk_})
                 .value();
    Environment environment;
    environment.store = &store_;
    environment.blobs = blobs_.get();
    environment.metrics = &metrics_;
    environment.clock = &clock_;
    environment.min_free_bytes = 1'000'000;
    cluster_ = Cluster::Load(environment).value();
    parts_ = std::make_unique<CoordinatorParts>(*cluster_);
  }
  void LosePower() {
    disk_.SetHook(nullptr);
    disk_.Crash();
    Start();
  }
  void CreateStream(const std::string& name) {
    v1::CreateStreamRequest request;
    request.set_name(name);
    request.mutable_config()->mutable_model()->set_preset("tiny");
    ASSERT_TRUE(parts_->streams.Create(request).ok());
  }
  // The next such change of the disk fails.
  void FailOnce(const std::string& operation, const std::string& path) {
    disk_.SetHook([=, failed = std::make_shared<bool>(false)](
                      std::string_view what, const std::string& where) {
      if (*failed || what != operation || where != path) {
        return absl::OkStatus();
      }
      *failed = true;
      return absl::UnknownError("input/output error");
    });
  }
  static v1::SubmitChunkHeader HeaderOf(const std::string& shard) {
    v1::SubmitChunkHeader header;
    header.set_stream("s");
    header.set_digest(Sha256Hex(shard));
    header.set_size_bytes(static_cast<int64_t>(shard.size()));
    return header;
  }
  // Sends the header, then the bytes from its offset on in frames of a half.
  absl::StatusOr<v1::SubmitChunkResponse> Submit(
      const v1::SubmitChunkHeader& header, const std::string& shard) {
    bool begun = false;
    size_t offset = header.offset();
    return ChunkReceiver(*cluster_, parts_->streams)
        .Receive([&](v1::SubmitChunkRequest* message) {
          if (begun && meanwhile_) std::exchange(meanwhile_, nullptr)();
          if (!std::exchange(begun, true)) {
            *message->mutable_header() = header;
            return true;
          }
          if (offset >= shard.size()) return false;
          v1::DataFrame& frame = *message->mutable_frame();
          frame.set_offset(static_cast<int64_t>(offset));
          frame.set_data(shard.substr(offset, shard.size() / 2 + 1));
          frame.set_crc32(Crc32(frame.data()));
          offset += frame.data().size();
          return true;
        });
  }
  // Submits what the server has not got, as clients do.
  absl::StatusOr<v1::SubmitChunkResponse> GoOn(const std::string& shard) {
    v1::SubmitChunkHeader header = HeaderOf(shard);
    header.set_offset(blobs_->Size(header.digest())
                          .value_or(blobs_->PartialSize(header.digest())));
    return Submit(header, shard);
  }

  const std::string shard_ = MakeShard("x");
  const std::string digest_ = Sha256Hex(shard_);
  MemoryFileSystem disk_;
  MemoryStore store_;
  NullMetrics metrics_;
  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<CoordinatorParts> parts_;
  // Done once, after the header of the next call.
  std::function<void()> meanwhile_;
};

TEST_F(ChunkReceiverTest, AChunkWhoseSyncFailedIsNotAcceptedWithoutIt) {
  FailOnce("sync", PartialPath(kRoot, digest_));
  EXPECT_TRUE(absl::IsUnknown(Submit(HeaderOf(shard_), shard_).status()));
  const auto again = GoOn(shard_);
  ASSERT_TRUE(again.ok()) << again.status();
  LosePower();
  EXPECT_EQ(blobs_->ReadVerified(digest_).value_or("lost"), shard_);
}

TEST_F(ChunkReceiverTest, AChunkWhoseNameWasNotSyncedIsNotAcceptedWithoutIt) {
  FailOnce("sync directory", BlobFolder(kRoot, digest_));
  EXPECT_TRUE(absl::IsUnknown(Submit(HeaderOf(shard_), shard_).status()));
  const auto again = GoOn(shard_);
  ASSERT_TRUE(again.ok()) << again.status();
  LosePower();
  EXPECT_EQ(blobs_->ReadVerified(digest_).value_or("lost"), shard_);
}

TEST_F(ChunkReceiverTest, ADamagedChunkIsTakenAnewFromWhereItIsTold) {
  ASSERT_TRUE(Submit(HeaderOf(shard_), shard_).ok());
  const std::string path = BlobPath(kRoot, digest_);
  ASSERT_TRUE(disk_.RemoveFile(path).ok());
  {
    const auto file = disk_.OpenAppendable(path).value();
    ASSERT_TRUE(file->Append(std::string(shard_.size(), 'x')).ok());
  }
  const absl::Status refusal = GoOn(shard_).status();
  ASSERT_EQ(ReasonOf(refusal).reason, "UPLOAD_OFFSET");
  EXPECT_EQ(ReasonOf(refusal).metadata["received_bytes"], "0");
  const auto again = Submit(HeaderOf(shard_), shard_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->duplicate());
  EXPECT_EQ(blobs_->ReadVerified(digest_).value_or("damaged"), shard_);
}

TEST_F(ChunkReceiverTest, AMissingIndexIsMadeAgainWithoutTheChunksBytes) {
  ASSERT_TRUE(Submit(HeaderOf(shard_), shard_).ok());
  std::vector<std::string> index = blobs_->List().value();
  std::erase(index, digest_);
  ASSERT_EQ(index.size(), 1u);
  ASSERT_TRUE(blobs_->Delete(index[0]).ok());
  const auto again = GoOn(shard_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->duplicate());
  EXPECT_TRUE(blobs_->Verify(index[0]).ok());
}

TEST_F(ChunkReceiverTest, UploadsThatGoOnTogetherLeaveTheDiskItsFreeBytes) {
  const std::string other = MakeShard("y");
  const auto size = static_cast<int64_t>(shard_.size());
  disk_.SetFreeBytes(cluster_->env().min_free_bytes + size + size / 2);
  absl::Status rival;
  meanwhile_ = [&] { rival = Submit(HeaderOf(other), other).status(); };
  const auto first = Submit(HeaderOf(shard_), shard_);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(ReasonOf(rival).reason, "DISK_LOW");
  const auto second = Submit(HeaderOf(other), other);
  EXPECT_TRUE(second.ok()) << second.status();
}

}  // namespace
}  // namespace keel::testing
