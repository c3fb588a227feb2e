#include "worker/agent/blob_cache.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/file_system.h"
#include "common/sha256.h"
#include "gtest/gtest.h"
#include "tests/testing/test_folder.h"
#include "tests/worker/agent/fake_coordinator.h"
#include "worker/agent/coordinator_channel.h"
#include "worker/agent/remote_chunk_reader.h"

namespace keel {
namespace {

// A blob of `size` bytes that differs from those of other seeds.
std::string Blob(int size, char seed) {
  std::string bytes(size, seed);
  for (int i = 0; i < size; ++i) bytes[i] += static_cast<char>(i % 17);
  return bytes;
}

BlobFetcher::Options Fast() {
  BlobFetcher::Options options;
  options.backoff = {absl::Milliseconds(1), absl::Milliseconds(5)};
  options.give_up_after = absl::Seconds(20);
  return options;
}

class BlobCacheTest : public testing::Test {
 protected:
  BlobCacheTest() { Reopen(10'000); }

  void Reopen(int64_t capacity) {
    cache_.reset();
    cache_ = BlobCache::Open({directory_, capacity}, fetcher_).value();
  }
  absl::StatusOr<std::string> Fetch(const std::string& digest,
                                    int64_t size = -1) {
    auto pin = cache_->Get(digest, size, stop_);
    if (!pin.ok()) return pin.status();
    return ReadFile((*pin)->path());
  }

  const TestFolder folder_;
  const std::string directory_ = folder_.Path("cache");
  FakeCoordinator coordinator_;
  BlobFetcher fetcher_{
      Fast(), MakeCoordinatorChannel({coordinator_.address()}, "test")};
  absl::Notification stop_;
  std::unique_ptr<BlobCache> cache_;
};

TEST_F(BlobCacheTest, FetchesOnce) {
  const std::string bytes = Blob(3500, 'a');
  const std::string digest = coordinator_.AddBlob(bytes);
  EXPECT_EQ(Fetch(digest, 3500).value(), bytes);
  EXPECT_EQ(Fetch(digest, 3500).value(), bytes);
  EXPECT_EQ(coordinator_.reads().size(), 1u);
  EXPECT_EQ(cache_->used_bytes(), 3500);
}

TEST_F(BlobCacheTest, KeepsAnEmptyBlob) {
  const std::string digest = coordinator_.AddBlob("");
  EXPECT_EQ(Fetch(digest, 0).value(), "");
}

TEST_F(BlobCacheTest, RefusesBytesOfAnotherDigest) {
  const std::string digest = Sha256Hex("right");
  coordinator_.AddWrongBlob(digest, "wrong");
  EXPECT_EQ(Fetch(digest).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(cache_->used_bytes(), 0);
  coordinator_.AddBlob("right");
  EXPECT_EQ(Fetch(digest).value(), "right");
}

TEST_F(BlobCacheTest, RefusesAnotherSize) {
  const std::string digest = coordinator_.AddBlob("four");
  EXPECT_EQ(Fetch(digest, 5).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(BlobCacheTest, RefusesWhatIsNoDigest) {
  EXPECT_EQ(Fetch("../../etc/passwd").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(BlobCacheTest, ReportsAMissingBlob) {
  EXPECT_EQ(Fetch(Sha256Hex("none")).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(BlobCacheTest, GoesOnWhereATransferBroke) {
  const std::string bytes = Blob(4500, 'a');
  const std::string digest = coordinator_.AddBlob(bytes);
  coordinator_.BreakReads(2, [this](int64_t end) {
    while (cache_->used_bytes() < end) absl::SleepFor(absl::Milliseconds(1));
  });
  EXPECT_EQ(Fetch(digest, 4500).value(), bytes);
  const auto reads = coordinator_.reads();
  ASSERT_EQ(reads.size(), 3u);
  EXPECT_EQ(reads[1].offset(), 1000);
  EXPECT_EQ(reads[2].offset(), 2000);
}

TEST_F(BlobCacheTest, GoesOnWithWhatAnEarlierProcessLeft) {
  const std::string bytes = Blob(4500, 'a');
  const std::string digest = coordinator_.AddBlob(bytes);
  ASSERT_TRUE(WriteFileAtomically(JoinPath(directory_, digest + ".part"),
                                  bytes.substr(0, 1234))
                  .ok());
  Reopen(10'000);
  EXPECT_EQ(cache_->used_bytes(), 1234);
  EXPECT_EQ(Fetch(digest, 4500).value(), bytes);
  EXPECT_EQ(coordinator_.reads()[0].offset(), 1234);
  EXPECT_EQ(cache_->used_bytes(), 4500);
}

TEST_F(BlobCacheTest, ACheckThatIsStoppedKeepsTheBlob) {
  const std::string bytes = Blob(4500, 'a');
  const std::string digest = coordinator_.AddBlob(bytes);
  ASSERT_TRUE(Fetch(digest).ok());
  Reopen(10'000);
  absl::Notification stopped;
  stopped.Notify();
  EXPECT_TRUE(absl::IsCancelled(cache_->Get(digest, -1, stopped).status()));
  EXPECT_EQ(Fetch(digest).value(), bytes);
  EXPECT_EQ(coordinator_.reads().size(), 1u);
}

TEST_F(BlobCacheTest, ADownloadThatIsStoppedKeepsWhatItHas) {
  const std::string bytes = Blob(4500, 'a');
  const std::string digest = coordinator_.AddBlob(bytes);
  ASSERT_TRUE(WriteFileAtomically(JoinPath(directory_, digest + ".part"),
                                  bytes.substr(0, 1234))
                  .ok());
  Reopen(10'000);
  absl::Notification stopped;
  stopped.Notify();
  EXPECT_TRUE(absl::IsCancelled(cache_->Get(digest, 4500, stopped).status()));
  EXPECT_EQ(Fetch(digest, 4500).value(), bytes);
  EXPECT_EQ(coordinator_.reads()[0].offset(), 1234);
}

TEST_F(BlobCacheTest, StartsAnewIfTheRestWasDamaged) {
  const std::string bytes = Blob(4500, 'a');
  const std::string digest = coordinator_.AddBlob(bytes);
  ASSERT_TRUE(WriteFileAtomically(JoinPath(directory_, digest + ".part"),
                                  Blob(1234, 'z'))
                  .ok());
  Reopen(10'000);
  EXPECT_EQ(Fetch(digest, 4500).value(), bytes);
  EXPECT_EQ(cache_->used_bytes(), 4500);
}

TEST_F(BlobCacheTest, SurvivesARestart) {
  const std::string digest = coordinator_.AddBlob(Blob(3500, 'a'));
  ASSERT_TRUE(Fetch(digest).ok());
  Reopen(10'000);
  EXPECT_EQ(cache_->used_bytes(), 3500);
  EXPECT_EQ(Fetch(digest).value(), Blob(3500, 'a'));
  EXPECT_EQ(coordinator_.reads().size(), 1u);
}

TEST_F(BlobCacheTest, FetchesAgainWhatWasDamagedBetweenStarts) {
  const std::string digest = coordinator_.AddBlob(Blob(3500, 'a'));
  ASSERT_TRUE(Fetch(digest).ok());
  ASSERT_TRUE(
      WriteFileAtomically(JoinPath(directory_, digest), Blob(3500, 'b')).ok());
  Reopen(10'000);
  EXPECT_EQ(Fetch(digest).value(), Blob(3500, 'a'));
  EXPECT_EQ(coordinator_.reads().size(), 2u);
}

TEST_F(BlobCacheTest, FetchesAgainWhatSomeoneDeleted) {
  const std::string digest = coordinator_.AddBlob(Blob(3500, 'a'));
  ASSERT_TRUE(Fetch(digest).ok());
  ASSERT_TRUE(RemoveFile(JoinPath(directory_, digest)).ok());
  EXPECT_EQ(Fetch(digest).value(), Blob(3500, 'a'));
  EXPECT_EQ(cache_->used_bytes(), 3500);
}

TEST_F(BlobCacheTest, MakesItsFolderAgainIfSomeoneDeletedIt) {
  const std::string digest = coordinator_.AddBlob(Blob(3500, 'a'));
  ASSERT_TRUE(Fetch(digest).ok());
  ASSERT_TRUE(RemoveRecursively(directory_).ok());
  EXPECT_EQ(Fetch(digest).value(), Blob(3500, 'a'));
  EXPECT_EQ(cache_->used_bytes(), 3500);
}

TEST_F(BlobCacheTest, EvictsWhatWasUsedLongestAgo) {
  std::vector<std::string> digests;
  for (char seed : {'a', 'b', 'c'}) {
    digests.push_back(coordinator_.AddBlob(Blob(4000, seed)));
  }
  ASSERT_TRUE(Fetch(digests[0]).ok());
  ASSERT_TRUE(Fetch(digests[1]).ok());
  ASSERT_TRUE(Fetch(digests[0]).ok());
  ASSERT_TRUE(Fetch(digests[2]).ok());
  EXPECT_TRUE(FileExists(JoinPath(directory_, digests[0])));
  EXPECT_FALSE(FileExists(JoinPath(directory_, digests[1])));
  EXPECT_EQ(cache_->used_bytes(), 8000);
}

TEST_F(BlobCacheTest, NeverEvictsWhatIsInUse) {
  const std::string a = coordinator_.AddBlob(Blob(6000, 'a'));
  const std::string b = coordinator_.AddBlob(Blob(6000, 'b'));
  auto pin = cache_->Get(a, 6000, stop_);
  ASSERT_TRUE(pin.ok());
  EXPECT_EQ(Fetch(b, 6000).status().code(),
            absl::StatusCode::kResourceExhausted);
  // The same where the size shows only as the bytes come in.
  EXPECT_EQ(Fetch(b).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(cache_->used_bytes(), 6000);
  pin->reset();
  EXPECT_EQ(Fetch(b, 6000).value(), Blob(6000, 'b'));
}

TEST_F(BlobCacheTest, StopEndsAFetch) {
  const std::string digest = coordinator_.AddBlob(Blob(6000, 'a'));
  stop_.Notify();
  EXPECT_EQ(Fetch(digest).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(BlobCacheTest, ConcurrentReadersShareOneTransfer) {
  const std::string bytes = Blob(8000, 'a');
  const std::string digest = coordinator_.AddBlob(bytes);
  RemoteChunkReader reader(*cache_, fetcher_, {{digest, 8000}}, stop_);
  std::vector<absl::StatusOr<std::string>> parts(8);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back(
        [&, i] { parts[i] = reader.Read(digest, i * 1000, 1000); });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(parts[i].ok()) << parts[i].status();
    EXPECT_EQ(*parts[i], bytes.substr(i * 1000, 1000));
  }
  EXPECT_EQ(coordinator_.reads().size(), 1u);
}

TEST_F(BlobCacheTest, ReadsByRangeWhatDoesNotFit) {
  const std::string small = coordinator_.AddBlob(Blob(4000, 'a'));
  const std::string bytes = Blob(12'000, 'b');
  const std::string large = coordinator_.AddBlob(bytes);
  RemoteChunkReader reader(*cache_, fetcher_, {}, stop_);
  EXPECT_EQ(reader.Read(small, 10, 5).value(), Blob(4000, 'a').substr(10, 5));
  EXPECT_EQ(reader.Read(large, 5000, 2500).value(), bytes.substr(5000, 2500));
  EXPECT_EQ(reader.Read(large, 11'999, 1).value(), bytes.substr(11'999, 1));
  EXPECT_EQ(reader.Read(large, 11'999, 2).status().code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_EQ(cache_->used_bytes(), 4000);
}

TEST_F(BlobCacheTest, FetcherGivesUpOnAnAbsentCoordinator) {
  BlobFetcher::Options options = Fast();
  options.give_up_after = absl::Milliseconds(50);
  BlobFetcher fetcher(options,
                      MakeCoordinatorChannel({"127.0.0.1:1"}, "absent"));
  const absl::Status status =
      fetcher.Fetch(Sha256Hex("x"), 0, 0, stop_,
                    [](std::string_view) { return absl::OkStatus(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace keel
