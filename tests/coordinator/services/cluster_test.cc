#include "coordinator/services/cluster.h"

#include <memory>
#include <string>

#include "common/sha256.h"
#include "coordinator/services/state_views.h"
#include "coordinator/store/table_names.h"
#include "gtest/gtest.h"
#include "tests/testing/fake_clock.h"
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
    *record.mutable_upload_time() = ToTimestamp(edit.now());
    edit.PutUpload(std::move(record));
    return cluster_->Commit(*state, edit);
  }
  std::string Put(const std::string& bytes) {
    return blobs_.Put(bytes).value();
  }

  testing::MemoryStore store_;
  testing::MemoryBlobStore blobs_;
  NullMetrics metrics_;
  testing::FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
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
  EXPECT_TRUE(blobs_.Size(kept).ok());
  EXPECT_FALSE(blobs_.Size(orphan).ok());
  EXPECT_EQ(blobs_.PartialSize(partial), 0);
}

TEST_F(ClusterTest, ForgetsUploadedCheckpointsThatAreOld) {
  const std::string old = Put("old"), fresh = Put("fresh"), used = Put("used");
  ASSERT_TRUE(Refer(old).ok() && Refer(used).ok());
  storage::v1::StreamRecord stream;
  stream.mutable_stream()->set_name("s");
  stream.add_initial_files()->set_digest(used);
  {
    auto state = cluster_->Lock();
    Edit edit = cluster_->NewEdit(durable::kCreateStream);
    edit.PutStream(stream);
    ASSERT_TRUE(cluster_->Commit(*state, edit).ok());
  }
  clock_.Advance(Cluster::kUploadLifetime + absl::Seconds(1));
  ASSERT_TRUE(Refer(fresh).ok());
  ASSERT_TRUE(cluster_->ForgetOldUploads(Cluster::kUploadLifetime).ok());
  EXPECT_FALSE(blobs_.Size(old).ok());
  EXPECT_TRUE(blobs_.Size(fresh).ok());
  EXPECT_TRUE(blobs_.Size(used).ok());
  EXPECT_EQ(cluster_->Lock()->uploads.size(), 1u);
  EXPECT_EQ(store_.Scan(table::kUploads, "")->size(), 1u);
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
    EXPECT_TRUE(blobs_.Size(lost).ok());
    inner.Pin(kept);
    ASSERT_TRUE(Refer(kept).ok());
    ASSERT_TRUE(cluster_->Sweep(absl::Hours(1)).ok());
    EXPECT_TRUE(blobs_.Size(lost).ok());
  }
  EXPECT_TRUE(blobs_.Size(kept).ok());
  EXPECT_FALSE(blobs_.Size(lost).ok());
}

TEST_F(ClusterTest, AnUploadThatMayGoOnKeepsItsBytes) {
  const std::string blob = Put("x");
  {
    BlobPins pins(*cluster_);
    pins.Pin(blob);
    pins.KeepAll();
  }
  EXPECT_TRUE(blobs_.Size(blob).ok());
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
