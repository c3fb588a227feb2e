// Blobs on a disk that loses what was not synced, with the end of the process
// before every single change of the disk.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/store/blob_paths.h"
#include "coordinator/store/directory_blob_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/memory_file_system.h"

namespace keel {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kRoot[] = "/state/blobs";

// The end of the process.
struct ProcessEnd {};

// What happens to the disk when the process ends.
enum class Loss { kNone, kAll, kSome };

class BlobPowerLossTest : public ::testing::Test {
 protected:
  using Work = std::function<absl::Status(BlobStore&)>;

  static std::unique_ptr<BlobStore> Open(testing::MemoryFileSystem& disk) {
    return DirectoryBlobStore::Open({.path = kRoot, .file_system = &disk})
        .value();
  }
  // Opens the store and does `work`; the process ends before change `end`.
  // Nullopt: it did.
  static std::optional<absl::Status> Run(testing::MemoryFileSystem& disk,
                                         int end, const Work& work) {
    int change = 0;
    disk.SetHook([&](std::string_view, const std::string&) {
      if (change++ == end) throw ProcessEnd();
      return absl::OkStatus();
    });
    std::optional<absl::Status> status;
    try {
      auto store =
          DirectoryBlobStore::Open({.path = kRoot, .file_system = &disk});
      status = store.ok() ? work(**store) : store.status();
    } catch (const ProcessEnd&) {
    }
    disk.SetHook(nullptr);
    return status;
  }
  // The next such change fails.
  static void FailOnce(testing::MemoryFileSystem& disk,
                       const std::string& operation, const std::string& path) {
    disk.SetHook([=, failed = std::make_shared<bool>(false)](
                     std::string_view what, const std::string& where) {
      if (*failed || what != operation || where != path) {
        return absl::OkStatus();
      }
      *failed = true;
      return absl::UnknownError("input/output error");
    });
  }
  static void Lose(testing::MemoryFileSystem& disk, Loss loss, uint64_t seed) {
    if (loss == Loss::kAll) disk.Crash();
    if (loss == Loss::kSome) disk.Crash(seed);
  }

  // Ends `work` before each of its changes in turn, and then not at all. After
  // each end: the blob is whole or absent, there if `work` returned OK, and
  // `work` done once more succeeds for good.
  void CrashEverywhere(const Work& work) {
    for (const Loss loss : {Loss::kNone, Loss::kAll, Loss::kSome}) {
      const uint64_t seeds = loss == Loss::kSome ? 20 : 1;
      for (uint64_t seed = 0; seed < seeds; ++seed) {
        for (int end = 0;; ++end) {
          SCOPED_TRACE(::testing::Message()
                       << "loss " << static_cast<int>(loss) << ", seed " << seed
                       << ", end before change " << end);
          if (!CrashAt(work, end, loss, seed)) break;
        }
      }
    }
  }

  // False: the work was done before the end came.
  bool CrashAt(const Work& work, int end, Loss loss, uint64_t seed) {
    testing::MemoryFileSystem disk;
    EXPECT_TRUE(disk.CreateDirectories("/state").ok());
    const auto status = Run(disk, end, work);
    EXPECT_EQ(status.value_or(absl::OkStatus()), absl::OkStatus());
    Lose(disk, loss, seed);
    const bool contained = Open(disk)->Size(digest_).ok();
    EXPECT_TRUE(contained || !status.has_value()) << "acknowledged, but lost";
    if (contained) {
      EXPECT_EQ(Open(disk)->ReadVerified(digest_).value_or("damaged"), data_);
    }
    // Whoever finds the blob may rely on it: what comes after is a loss of
    // all that is not durable by now.
    EXPECT_EQ(Run(disk, -1, work), absl::OkStatus());
    disk.Crash();
    EXPECT_EQ(Open(disk)->ReadVerified(digest_).value_or("lost"), data_);
    return !status.has_value();
  }

  const std::string data_ = "one piece, another piece, the last piece";
  const std::string digest_ = Sha256Hex(data_);
};

TEST_F(BlobPowerLossTest, PutIsDurableOrAbsent) {
  CrashEverywhere(
      [this](BlobStore& store) { return store.Put(data_).status(); });
}

// As the receivers do: a blob that is there is not sent again.
TEST_F(BlobPowerLossTest, AnUploadIsDurableOrAbsent) {
  CrashEverywhere([this](BlobStore& store) -> absl::Status {
    if (store.Verify(digest_).ok()) return absl::OkStatus();
    // What a loss of power took from the first try is found out at its end.
    for (int trial = 0; trial < 2; ++trial) {
      KEEL_ASSIGN_OR_RETURN(auto writer, store.OpenWriter(digest_, trial > 0));
      while (writer->size() < static_cast<int64_t>(data_.size())) {
        KEEL_RETURN_IF_ERROR(writer->Append(data_.substr(writer->size(), 11)));
      }
      const absl::Status status = writer->Finish();
      if (!absl::IsDataLoss(status)) return status;
    }
    return absl::DataLossError("twice");
  });
}

TEST_F(BlobPowerLossTest, AFailedSyncLeavesNoBytesForALaterTry) {
  testing::MemoryFileSystem disk;
  auto store = Open(disk);
  FailOnce(disk, "sync", PartialPath(kRoot, digest_));
  auto writer = store->OpenWriter(digest_, false).value();
  ASSERT_TRUE(writer->Append(data_).ok());
  EXPECT_TRUE(absl::IsUnknown(writer->Finish()));
  writer.reset();
  writer = store->OpenWriter(digest_, false).value();
  ASSERT_TRUE(writer->Append(data_.substr(writer->size())).ok());
  ASSERT_TRUE(writer->Finish().ok());
  disk.Crash();
  EXPECT_EQ(Open(disk)->ReadVerified(digest_).value_or("lost"), data_);
}

TEST_F(BlobPowerLossTest, ABlobThatIsVerifiedIsDurable) {
  testing::MemoryFileSystem disk;
  auto store = Open(disk);
  FailOnce(disk, "sync directory", BlobFolder(kRoot, digest_));
  auto writer = store->OpenWriter(digest_, false).value();
  ASSERT_TRUE(writer->Append(data_).ok());
  EXPECT_TRUE(absl::IsUnknown(writer->Finish()));
  ASSERT_TRUE(store->Verify(digest_).ok());
  disk.Crash();
  EXPECT_EQ(Open(disk)->ReadVerified(digest_).value_or("lost"), data_);
}

TEST_F(BlobPowerLossTest, AnUploadGoesOnFromWhatSurvived) {
  testing::MemoryFileSystem disk;
  {
    auto store = Open(disk);
    auto writer = store->OpenWriter(digest_, false).value();
    ASSERT_TRUE(writer->Append(data_.substr(0, 20)).ok());
  }
  EXPECT_EQ(Open(disk)->PartialSize(digest_), 20);
  disk.Crash();
  EXPECT_EQ(Open(disk)->PartialSize(digest_), 0);
}

TEST_F(BlobPowerLossTest, LeavesNoTemporaryFileBehind) {
  testing::MemoryFileSystem disk;
  // The temporary file is made by then, and not renamed yet.
  EXPECT_EQ(Run(disk, 14,
                [this](BlobStore& store) { return store.Put(data_).status(); }),
            std::nullopt);
  EXPECT_THAT(disk.ListDirectory(PartialFolder(kRoot)).value(), Not(IsEmpty()));
  Open(disk);
  EXPECT_THAT(disk.ListDirectory(PartialFolder(kRoot)).value(), IsEmpty());
}

}  // namespace
}  // namespace keel
