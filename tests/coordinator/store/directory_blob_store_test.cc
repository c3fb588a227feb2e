#include "coordinator/store/directory_blob_store.h"

#include <memory>
#include <string>

#include "common/file_system.h"
#include "common/ids.h"
#include "common/sha256.h"
#include "coordinator/store/blob_paths.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DirectoryBlobStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }
  void TearDown() override {
    store_.reset();
    EXPECT_TRUE(RemoveRecursively(folder_).ok());
  }
  // Opens the folder, again if it was open: a new process would do the same.
  void Open() {
    store_.reset();
    store_ = DirectoryBlobStore::Open({folder_}).value();
  }
  void FlipBit(const std::string& path, size_t at) {
    std::string bytes = ReadFile(path).value();
    bytes.at(at) ^= 1;
    ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
  }

  const std::string folder_ = ::testing::TempDir() + "blobs-" + RandomId();
  const std::string data_ = std::string(100'000, 'd') + "end";
  const std::string digest_ = Sha256Hex(data_);
  std::unique_ptr<BlobStore> store_;
};

TEST_F(DirectoryBlobStoreTest, NoticesFlippedBits) {
  ASSERT_TRUE(store_->Put(data_).ok());
  for (size_t at : {size_t{0}, data_.size() / 2, data_.size() - 1}) {
    FlipBit(BlobPath(folder_, digest_), at);
    const absl::Status status = store_->ReadVerified(digest_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(BlobPath(folder_, digest_)));
    FlipBit(BlobPath(folder_, digest_), at);
    EXPECT_TRUE(store_->ReadVerified(digest_).ok());
  }
}

TEST_F(DirectoryBlobStoreTest, VerifyNoticesAFlippedBit) {
  ASSERT_TRUE(store_->Put(data_).ok());
  FlipBit(BlobPath(folder_, digest_), 7);
  EXPECT_TRUE(absl::IsDataLoss(store_->Verify(digest_)));
}

TEST_F(DirectoryBlobStoreTest, NoticesAShorterFile) {
  ASSERT_TRUE(store_->Put(data_).ok());
  ASSERT_TRUE(
      WriteFileAtomically(BlobPath(folder_, digest_), data_.substr(0, 5000))
          .ok());
  EXPECT_EQ(store_->ReadVerified(digest_).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(DirectoryBlobStoreTest, PutRepairsADamagedBlob) {
  ASSERT_TRUE(store_->Put(data_).ok());
  FlipBit(BlobPath(folder_, digest_), 7);
  ASSERT_TRUE(store_->Put(data_).ok());
  EXPECT_EQ(*store_->ReadVerified(digest_), data_);
}

TEST_F(DirectoryBlobStoreTest, GoesOnWithAnUploadAfterReopening) {
  {
    const auto writer = store_->OpenWriter(digest_, false).value();
    ASSERT_TRUE(writer->Append(data_.substr(0, 60'000)).ok());
  }
  Open();
  EXPECT_EQ(store_->PartialSize(digest_), 60'000);
  const auto writer = store_->OpenWriter(digest_, false).value();
  ASSERT_TRUE(writer->Append(data_.substr(60'000)).ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(*store_->ReadVerified(digest_), data_);
  EXPECT_THAT(*ListDirectory(PartialFolder(folder_)), IsEmpty());
}

// What a loss of power leaves of bytes that were never synced.
TEST_F(DirectoryBlobStoreTest, NoticesThatAKeptPrefixIsDamaged) {
  {
    const auto writer = store_->OpenWriter(digest_, false).value();
    ASSERT_TRUE(writer->Append(data_.substr(0, 60'000)).ok());
  }
  FlipBit(PartialPath(folder_, digest_), 30'000);
  const auto writer = store_->OpenWriter(digest_, false).value();
  ASSERT_TRUE(writer->Append(data_.substr(60'000)).ok());
  const absl::Status status = writer->Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(digest_));
  EXPECT_EQ(store_->PartialSize(digest_), 0);
}

TEST_F(DirectoryBlobStoreTest, RemovesOldTemporaryFilesButNoUploads) {
  const std::string partial = PartialPath(folder_, digest_);
  ASSERT_TRUE(WriteFileAtomically(partial, "kept").ok());
  ASSERT_TRUE(
      WriteFileAtomically(TemporaryPath(folder_, digest_, "1"), "x").ok());
  Open();
  EXPECT_THAT(*ListDirectory(PartialFolder(folder_)), ElementsAre(digest_));
}

TEST_F(DirectoryBlobStoreTest, TakesNothingAfterFinish) {
  const auto writer = store_->OpenWriter(digest_, false).value();
  ASSERT_TRUE(writer->Append(data_).ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(writer->Append("more").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(writer->Finish().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(*store_->ReadVerified(digest_), data_);
}

TEST_F(DirectoryBlobStoreTest,
       KeepsAWholeUploadForTheNextTryIfItCannotPublish) {
  auto writer = store_->OpenWriter(digest_, false).value();
  ASSERT_TRUE(writer->Append(data_).ok());
  // A file stands where the blob's folder should be.
  ASSERT_TRUE(WriteFileAtomically(BlobFolder(folder_, digest_), "").ok());
  EXPECT_FALSE(writer->Finish().ok());
  writer.reset();
  EXPECT_FALSE(store_->Size(digest_).ok());
  ASSERT_TRUE(RemoveFile(BlobFolder(folder_, digest_)).ok());
  writer = store_->OpenWriter(digest_, false).value();
  EXPECT_EQ(writer->size(), static_cast<int64_t>(data_.size()));
  EXPECT_TRUE(writer->Finish().ok());
  EXPECT_TRUE(store_->Size(digest_).ok());
}

}  // namespace
}  // namespace keel
