#include "coordinator/services/file_receiver.h"

#include <string>

#include "common/reason.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

using Sender = FileReceiver::Sender;

class FileReceiverTest : public PartsFixture {
 protected:
  // Sends one file, in one frame.
  absl::Status Send(const std::string& data, Sender sender) {
    v1::CheckpointFile file;
    file.set_name("weights.bin");
    file.set_digest(Sha256Hex(data));
    file.set_size_bytes(static_cast<int64_t>(data.size()));
    v1::DataFrame frame;
    frame.set_data(data);
    frame.set_crc32(Crc32(data));
    FileReceiver receiver(*cluster_, sender);
    KEEL_RETURN_IF_ERROR(receiver.StartFile(file));
    KEEL_RETURN_IF_ERROR(receiver.Take(frame));
    return receiver.Finish().status();
  }
};

TEST_F(FileReceiverTest, OnlyWorkersMayTakeTheLastFreeBytes) {
  blobs_.SetFreeBytes(cluster_->env().min_free_bytes + 9);
  EXPECT_TRUE(Send("9 bytes!!", Sender::kUser).ok());
  const absl::Status status = Send("ten bytes!", Sender::kUser);
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(ReasonOf(status).reason, "DISK_LOW");
  EXPECT_EQ(Send("ten bytes!", Sender::kWorker), absl::OkStatus());
}

TEST_F(FileReceiverTest, ARepeatNeedsNoRoom) {
  ASSERT_TRUE(blobs_.Put("there").ok());
  blobs_.SetFreeBytes(0);
  EXPECT_EQ(Send("there", Sender::kUser), absl::OkStatus());
}

// Or a record would give a wrong size to whoever fetches it.
TEST_F(FileReceiverTest, RefusesAnotherSizeOfAFileThatIsThere) {
  ASSERT_TRUE(blobs_.Put("there").ok());
  v1::CheckpointFile file;
  file.set_name("weights.bin");
  file.set_digest(Sha256Hex("there"));
  file.set_size_bytes(1);
  FileReceiver receiver(*cluster_, Sender::kUser);
  const absl::Status status = receiver.StartFile(file);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(ReasonOf(status).reason, "CHECKPOINT_FILE");
  EXPECT_EQ(status.message(),
            "file weights.bin has 5 bytes by its digest, not 1");
}

TEST_F(FileReceiverTest, GivesItsRoomBack) {
  blobs_.SetFreeBytes(cluster_->env().min_free_bytes + 10);
  for (const char* data : {"10 bytes!!", "10 others!", "10 more!!!"}) {
    EXPECT_EQ(Send(data, Sender::kUser), absl::OkStatus());
  }
}

}  // namespace
}  // namespace keel::testing
