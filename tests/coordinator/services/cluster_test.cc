#include "coordinator/services/cluster.h"

#include <memory>
#include <string>

#include "common/clock.h"
#include "common/sha256.h"
#include "gtest/gtest.h"
#include "tests/testing/memory_blob_store.h"
#include "tests/testing/memory_store.h"

namespace keel {
namespace {

class ClusterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Environment environment;
    environment.store = &store_;
    environment.blobs = &blobs_;
    environment.metrics = &metrics_;
    environment.clock = &clock_;
    environment.on_fatal = [this](const absl::Status& status) {
      fatal_ = status;
    };
    auto cluster = Cluster::Load(environment);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
  }
  // Commits an upload record that names the digest.
  absl::Status Refer(const std::string& digest) {
    storage::v1::UploadRecord record;
    record.set_id(digest);
    record.add_files()->set_digest(digest);
    auto state = cluster_->Lock();
    Edit edit = cluster_->NewEdit(durable::kStoreUpload);
    edit.PutUpload(std::move(record));
    return cluster_->Commit(*state, edit);
  }
  std::string Put(const std::string& bytes) {
    return blobs_.Put(bytes).value();
  }

  testing::MemoryStore store_;
  testing::MemoryBlobStore blobs_;
  NullMetrics metrics_;
  SystemClock clock_;
  absl::Status fatal_;
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(ClusterTest, AnErrorThatLeavesOpenWhatIsDurableIsFatal) {
  for (const auto& error : {absl::InternalError("the disk failed"),
                            absl::DataLossError("the file is damaged")}) {
    store_.SetCommitHook([&](const WriteBatch&) { return error; });
    EXPECT_EQ(Refer(Put("x")), error);
    EXPECT_EQ(fatal_, error);
  }
}

TEST_F(ClusterTest, AFullDiskIsNotFatalAndChangesNothing) {
  store_.SetCommitHook([](const WriteBatch&) {
    return absl::ResourceExhaustedError("the disk is full");
  });
  EXPECT_TRUE(absl::IsResourceExhausted(Refer(Put("x"))));
  EXPECT_TRUE(fatal_.ok());
  EXPECT_TRUE(cluster_->Lock()->uploads.empty());
}

TEST_F(ClusterTest, SweepsWhatNoRecordNames) {
  const std::string kept = Put("kept"), orphan = Put("orphan");
  ASSERT_TRUE(Refer(kept).ok());
  const std::string partial = Sha256Hex("partial");
  ASSERT_TRUE((*blobs_.OpenWriter(partial, false))->Append("par").ok());
  ASSERT_TRUE(cluster_->Sweep(absl::Hours(1)).ok());
  EXPECT_TRUE(blobs_.Contains(kept));
  EXPECT_FALSE(blobs_.Contains(orphan));
  EXPECT_EQ(blobs_.PartialSize(partial), 0);
}

TEST_F(ClusterTest, PinnedBlobsGoWhenNobodyNamesThemInTheEnd) {
  const std::string kept = Put("kept"), lost = Put("lost");
  {
    BlobPins outer(*cluster_), inner(*cluster_);
    outer.Pin(lost);
    {
      BlobPins nested(*cluster_);
      nested.Pin(lost);
    }
    EXPECT_TRUE(blobs_.Contains(lost));
    inner.Pin(kept);
    ASSERT_TRUE(Refer(kept).ok());
    ASSERT_TRUE(cluster_->Sweep(absl::ZeroDuration()).ok());
    EXPECT_TRUE(blobs_.Contains(lost));
  }
  EXPECT_TRUE(blobs_.Contains(kept));
  EXPECT_FALSE(blobs_.Contains(lost));
}

TEST_F(ClusterTest, AnUploadThatMayGoOnKeepsItsBytes) {
  const std::string blob = Put("x");
  {
    BlobPins pins(*cluster_);
    pins.Pin(blob);
    pins.KeepAll();
  }
  EXPECT_TRUE(blobs_.Contains(blob));
}

TEST(InstallPhaseTest, AFailedPhaseStaysOpenUntilItIsSkipped) {
  ClusterState state;
  storage::v1::PhaseRecord record;
  record.mutable_phase()->set_stream("s");
  const auto install = [&](int number, v1::Phase::State phase) {
    record.mutable_phase()->set_number(number);
    record.mutable_phase()->set_state(phase);
    InstallPhase(state, record);
    return state.streams["s"].open_phases;
  };
  EXPECT_EQ(install(1, v1::Phase::QUEUED), std::set<int>({1}));
  EXPECT_EQ(install(1, v1::Phase::PUBLISHED), std::set<int>());
  EXPECT_EQ(install(2, v1::Phase::FAILED), std::set<int>({2}));
  EXPECT_EQ(install(2, v1::Phase::SKIPPED), std::set<int>());
}

}  // namespace
}  // namespace keel
