// What every BlobStore does: run on the real one and on the tests' fake.
#include "coordinator/store/blob_store.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/file_system.h"
#include "common/ids.h"
#include "common/sha256.h"
#include "coordinator/store/directory_blob_store.h"
#include "gtest/gtest.h"
#include "tests/testing/memory_blob_store.h"

namespace keel {
namespace {

struct BlobStoreKind {
  const char* name;
  std::function<std::unique_ptr<BlobStore>(const std::string& folder)> make;
};

class BlobStoreTest : public ::testing::TestWithParam<BlobStoreKind> {
 protected:
  void SetUp() override {
    store_ = GetParam().make(folder_);
    ASSERT_NE(store_, nullptr);
  }
  void TearDown() override {
    store_.reset();
    EXPECT_TRUE(RemoveRecursively(folder_).ok());
  }
  std::unique_ptr<BlobWriter> Open(bool restart = false) {
    auto writer = store_->OpenWriter(digest_, restart);
    EXPECT_TRUE(writer.ok()) << writer.status();
    return *std::move(writer);
  }

  const std::string folder_ = ::testing::TempDir() + "blobs-" + RandomId();
  const std::string data_ = "the bytes of a chunk";
  const std::string digest_ = Sha256Hex(data_);
  std::unique_ptr<BlobStore> store_;
};

TEST_P(BlobStoreTest, StoresWhatIsPut) {
  EXPECT_FALSE(store_->Size(digest_).ok());
  EXPECT_EQ(*store_->Put(data_), digest_);
  EXPECT_EQ(*store_->Put(data_), digest_);
  EXPECT_TRUE(store_->Size(digest_).ok());
  EXPECT_EQ(*store_->Size(digest_), static_cast<int64_t>(data_.size()));
  EXPECT_EQ(*store_->ReadVerified(digest_), data_);
  EXPECT_EQ(*store_->ReadVerified(*store_->Put("")), "");
}

TEST_P(BlobStoreTest, ReadsRanges) {
  ASSERT_TRUE(store_->Put(data_).ok());
  EXPECT_EQ(*store_->Read(digest_, 4, 5), "bytes");
  EXPECT_EQ(*store_->Read(digest_, static_cast<int64_t>(data_.size()), 0), "");
  for (const auto& [offset, length] :
       {std::pair<int64_t, int64_t>{0, 21}, {21, 0}, {-1, 2}, {2, -1}}) {
    EXPECT_EQ(store_->Read(digest_, offset, length).status().code(),
              absl::StatusCode::kOutOfRange);
  }
}

TEST_P(BlobStoreTest, DoesNotFindWhatIsMissing) {
  EXPECT_TRUE(absl::IsNotFound(store_->Read(digest_, 0, 0).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->Size(digest_).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->ReadVerified(digest_).status()));
  EXPECT_TRUE(store_->Delete(digest_).ok());
  EXPECT_EQ(store_->PartialSize(digest_), 0);
}

TEST_P(BlobStoreTest, VerifiesAndListsWhatIsThere) {
  EXPECT_TRUE(absl::IsNotFound(store_->Verify(digest_)));
  EXPECT_TRUE(store_->List()->empty());
  ASSERT_TRUE(store_->Put(data_).ok());
  const std::string other = *store_->Put("other");
  EXPECT_TRUE(store_->Verify(digest_).ok());
  EXPECT_EQ(*store_->List(),
            (std::vector<std::string>{std::min(digest_, other),
                                      std::max(digest_, other)}));
}

TEST_P(BlobStoreTest, RemovesUnfinishedUploadsThatNobodyGoesOnWith) {
  ASSERT_TRUE(Open()->Append("the").ok());
  EXPECT_EQ(*store_->RemovePartials(absl::UnixEpoch()), 0);
  EXPECT_EQ(store_->PartialSize(digest_), 3);
  {
    const auto writer = Open();
    EXPECT_EQ(*store_->RemovePartials(absl::InfiniteFuture()), 0);
  }
  EXPECT_EQ(*store_->RemovePartials(absl::InfiniteFuture()), 1);
  EXPECT_EQ(store_->PartialSize(digest_), 0);
}

TEST_P(BlobStoreTest, ShowsAnUploadOnlyOnceItIsFinished) {
  const auto writer = Open();
  ASSERT_TRUE(writer->Append(data_.substr(0, 7)).ok());
  ASSERT_TRUE(writer->Append(data_.substr(7)).ok());
  EXPECT_EQ(writer->size(), static_cast<int64_t>(data_.size()));
  EXPECT_FALSE(store_->Size(digest_).ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(*store_->ReadVerified(digest_), data_);
  EXPECT_EQ(store_->PartialSize(digest_), 0);
}

TEST_P(BlobStoreTest, GoesOnWithAnUpload) {
  ASSERT_TRUE(Open()->Append(data_.substr(0, 7)).ok());
  EXPECT_EQ(store_->PartialSize(digest_), 7);
  const auto writer = Open();
  EXPECT_EQ(writer->size(), 7);
  ASSERT_TRUE(writer->Append(data_.substr(7)).ok());
  EXPECT_TRUE(writer->Finish().ok());
}

TEST_P(BlobStoreTest, RestartsAnUploadIfAsked) {
  ASSERT_TRUE(Open()->Append("wrong").ok());
  const auto writer = Open(/*restart=*/true);
  EXPECT_EQ(writer->size(), 0);
  ASSERT_TRUE(writer->Append(data_).ok());
  EXPECT_TRUE(writer->Finish().ok());
}

TEST_P(BlobStoreTest, RemovesAnUploadOfOtherBytes) {
  const auto writer = Open();
  ASSERT_TRUE(writer->Append("other bytes").ok());
  EXPECT_EQ(writer->Finish().code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(store_->Size(digest_).ok());
  EXPECT_EQ(store_->PartialSize(digest_), 0);
}

TEST_P(BlobStoreTest, HasOneWriterPerDigest) {
  auto writer = Open();
  EXPECT_TRUE(absl::IsAborted(store_->OpenWriter(digest_, true).status()));
  EXPECT_TRUE(absl::IsAborted(store_->Delete(digest_)));
  EXPECT_TRUE(store_->OpenWriter(Sha256Hex("another"), false).ok());
  writer.reset();
  EXPECT_TRUE(store_->OpenWriter(digest_, false).ok());
}

TEST_P(BlobStoreTest, DeletesBlobsAndPartialUploads) {
  ASSERT_TRUE(store_->Put(data_).ok());
  ASSERT_TRUE(Open()->Append("part").ok());
  EXPECT_TRUE(store_->Delete(digest_).ok());
  EXPECT_FALSE(store_->Size(digest_).ok());
  EXPECT_EQ(store_->PartialSize(digest_), 0);
}

TEST_P(BlobStoreTest, RefusesToWriteUnderWhatIsNoDigest) {
  for (const std::string digest : {"", "../../etc/passwd", "ABC"}) {
    EXPECT_EQ(store_->OpenWriter(digest, false).status().code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(store_->Size(digest).ok());
    EXPECT_EQ(store_->PartialSize(digest), 0);
  }
}

TEST_P(BlobStoreTest, KnowsTheFreeSpace) { EXPECT_GT(*store_->FreeBytes(), 0); }

INSTANTIATE_TEST_SUITE_P(
    All, BlobStoreTest,
    ::testing::Values(
        BlobStoreKind{"Directory",
                      [](const std::string& folder) {
                        return DirectoryBlobStore::Open({folder}).value();
                      }},
        BlobStoreKind{"Memory",
                      [](const std::string&) {
                        return std::make_unique<testing::MemoryBlobStore>();
                      }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace keel
