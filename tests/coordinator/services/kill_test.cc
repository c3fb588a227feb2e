// The real program, killed without warning: what it acknowledged is there.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/file_system.h"
#include "common/ids.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/services/coordinator_fixture.h"
#include "tests/testing/free_port.h"

namespace keel::testing {
namespace {

using ::testing::ElementsAre;
using View = FakeWorker::View;

// A keel-coordinator in a process of its own; killed at the end.
class Process {
 public:
  Process(const std::string& state_dir, int port) {
    int pipe_ends[2];
    EXPECT_EQ(pipe(pipe_ends), 0);
    const std::string listen = absl::StrCat("127.0.0.1:", port);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(pipe_ends[1], STDERR_FILENO);
      execl(KEEL_COORDINATOR_BINARY, "keel-coordinator", "--state-dir",
            state_dir.c_str(), "--listen", listen.c_str(), "--metrics-listen",
            "127.0.0.1:0", "--join-window", "0", "--evict-after", "30",
            "--min-free-bytes", "0", nullptr);
      _exit(127);
    }
    close(pipe_ends[1]);
    log_ = fdopen(pipe_ends[0], "r");
    ReadPort();
    reader_ = std::thread([this] {
      char line[1024];
      while (fgets(line, sizeof(line), log_) != nullptr) {
      }
    });
  }
  ~Process() {
    Kill();
    reader_.join();
    fclose(log_);
  }

  int port() const { return port_; }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  // Sends the signal and returns the exit code.
  int Stop(int signal_number) {
    kill(pid_, signal_number);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  // Waits for the line that says where it serves.
  void ReadPort() {
    char line[1024];
    while (port_ == 0 && fgets(line, sizeof(line), log_) != nullptr) {
      if (!absl::StrContains(line, " serving ")) continue;
      for (absl::string_view word : absl::StrSplit(line, ' ')) {
        if (absl::ConsumePrefix(&word, "port=")) {
          EXPECT_TRUE(absl::SimpleAtoi(word, &port_));
        }
      }
    }
  }

  pid_t pid_ = 0;
  FILE* log_ = nullptr;
  int port_ = 0;
  // Takes the rest of the log, so that the program never waits for a reader.
  std::thread reader_;
};

class KillTest : public ::testing::Test {
 protected:
  ~KillTest() override {
    process_ = nullptr;
    RemoveRecursively(state_dir_).IgnoreError();
  }
  void SetUp() override {
    Start();
    stubs_ = std::make_unique<Stubs>(port_);
  }
  void Start() {
    process_ = std::make_unique<Process>(state_dir_, port_);
    ASSERT_EQ(process_->port(), port_) << "the coordinator did not start";
  }
  void KillAndStart() {
    process_->Kill();
    Start();
  }
  // A connection may find out only now that its server is gone: as every
  // client, this one tries again then, for a while.
  bool SubmitOnce(const std::string& seed, bool* duplicate) {
    const std::string shard = MakeShard(10, seed);
    Submission result;
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    do {
      result = Submit(*stubs_->streams, HeaderOf("s", shard), shard);
    } while (result.status.error_code() == grpc::StatusCode::UNAVAILABLE &&
             absl::Now() < deadline);
    *duplicate = result.response.duplicate();
    return result.status.ok();
  }

  const std::string state_dir_ =
      JoinPath(::testing::TempDir(), absl::StrCat("keel-", RandomId()));
  // Stays free while the coordinator is down.
  int port_ = FreePorts();
  std::unique_ptr<Process> process_;
  std::unique_ptr<Stubs> stubs_;
};

TEST_F(KillTest, LosesNoAcknowledgedChunkAndGoesOnTraining) {
  ASSERT_TRUE(CreateStream(*stubs_->streams, "s", SmallConfig()).ok());
  FakeWorker worker(stubs_->channel, {.hold_at = 2});
  bool duplicate = false;
  ASSERT_TRUE(SubmitOnce("x", &duplicate));
  ASSERT_TRUE(
      worker.WaitFor([](const View& v) { return v.acknowledged == 2; }));
  ASSERT_TRUE(SubmitOnce("y", &duplicate));
  KillAndStart();

  ASSERT_TRUE(
      worker.WaitFor([](const View& v) { return v.attach_count == 2; }));
  EXPECT_TRUE(worker.view().adopted);
  worker.Release();
  const v1::Phase phase =
      AwaitPhase(*stubs_->phases, "s", 2, v1::Phase::PUBLISHED);
  EXPECT_EQ(phase.state(), v1::Phase::PUBLISHED);
  // One group for each phase: the first was not begun again.
  EXPECT_THAT(worker.view().start_steps, ElementsAre(0, 0));
  for (const char* seed : {"x", "y"}) {
    ASSERT_TRUE(SubmitOnce(seed, &duplicate));
    EXPECT_TRUE(duplicate) << seed;
  }
  grpc::ClientContext context;
  v1::VerifyLedgerRequest request;
  request.set_stream("s");
  v1::VerifyLedgerResponse response;
  ASSERT_TRUE(stubs_->phases->VerifyLedger(&context, request, &response).ok());
  ASSERT_EQ(response.verdicts_size(), 2);
  EXPECT_TRUE(response.verdicts(0).ok() && response.verdicts(1).ok())
      << response.DebugString();
}

TEST_F(KillTest, KeepsEveryAcknowledgedChunkWhenKilledAgainAndAgain) {
  ASSERT_TRUE(CreateStream(*stubs_->streams, "s", SmallConfig()).ok());
  std::vector<std::string> acknowledged;
  bool duplicate = false;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 3; ++i) {
      const std::string seed = absl::StrCat(round, "-", i);
      ASSERT_TRUE(SubmitOnce(seed, &duplicate));
      acknowledged.push_back(seed);
    }
    KillAndStart();
  }
  for (const std::string& seed : acknowledged) {
    ASSERT_TRUE(SubmitOnce(seed, &duplicate));
    EXPECT_TRUE(duplicate) << seed;
  }
}

TEST_F(KillTest, EndsWellOnSigterm) { EXPECT_EQ(process_->Stop(SIGTERM), 0); }

}  // namespace
}  // namespace keel::testing
