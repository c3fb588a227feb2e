// One UploadArtifact call of a simulated worker: its messages arrive one after
// the other, may stall, and may break off; the coordinator's side does what
// WorkerService does.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_UPLOAD_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_UPLOAD_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "keel/v1/worker.pb.h"
#include "tests/coordinator/simulator/weights.h"
#include "tests/coordinator/simulator/world.h"

namespace keel::testing {

class Upload : public std::enable_shared_from_this<Upload> {
 public:
  struct Options {
    v1::ArtifactHeader header;
    NamedFiles files;
    // False once the sender's process has ended: what it sent may still come.
    std::function<bool()> sender_lives;
    // Called once, if the sender lives, with the reply, or UNAVAILABLE.
    std::function<void(absl::Status)> done;
  };
  static void Start(World& world, Options options);

  Upload(World& world, Options options);

 private:
  void Wait();
  void Step();
  absl::Status Process(CoordinatorLife& coordinator);
  absl::Status EndOfMessages(CoordinatorLife& coordinator);
  void Reply(absl::Status status);

  World& world_;
  const Options options_;
  const int life_;
  const int64_t number_;
  // After the header.
  std::vector<v1::UploadArtifactRequest> messages_;
  size_t next_ = 0;
  bool checked_ = false;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_UPLOAD_H_
