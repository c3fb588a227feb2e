#include <algorithm>
#include <iterator>
#include <mutex>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_split.h"
#include "coordinator/client/commands/commands.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/client/service_host.h"

namespace keel {
namespace {

using ::testing::ElementsAre;

// Two phases of 350 million touches, and one that has not trained.
class FakePhases : public v1::PhaseService::Service {
 public:
  grpc::Status ListPhases(grpc::ServerContext*, const v1::ListPhasesRequest*,
                          v1::ListPhasesResponse* response) override {
    for (int number = 1; number <= 3; ++number) {
      v1::Phase& phase = *response->add_phases();
      phase.set_number(number);
      phase.set_state(number < 3 ? v1::Phase::PUBLISHED : v1::Phase::SKIPPED);
      phase.set_attempt(2);
      phase.mutable_accounting()->set_accepted_count(100);
      phase.mutable_accounting()->set_planned_count(10);
      phase.mutable_accounting()->set_probe_count(20);
      phase.mutable_accounting()->set_over_probe_cap_count(30);
      phase.mutable_accounting()->set_dropped_count(40);
      phase.set_sample_count(10'000'000);
      phase.set_epochs(35);
    }
    return grpc::Status::OK;
  }
  grpc::Status VerifyLedger(grpc::ServerContext* context,
                            const v1::VerifyLedgerRequest* request,
                            v1::VerifyLedgerResponse* response) override {
    const std::lock_guard<std::mutex> lock(mu_);
    asked_.push_back(request->phase());
    shortest_ = std::min(shortest_,
                         absl::FromChrono(context->deadline()) - absl::Now());
    if (request->phase() == 3) {
      return {grpc::StatusCode::FAILED_PRECONDITION, "it has not trained"};
    }
    response->add_verdicts()->set_phase(request->phase());
    response->mutable_verdicts(0)->set_ok(true);
    return grpc::Status::OK;
  }

  std::mutex mu_;
  std::vector<int> asked_;
  absl::Duration shortest_ = absl::InfiniteDuration();
};

TEST(LedgerCommandTest, GivesEachPhaseACallAndTheTimeThatItTakes) {
  FakePhases phases;
  ServiceHost host(phases);
  CLI::App app;
  CommandContext context;
  context.coordinator = host.address();
  AddLedgerCommand(app, context);
  const char* arguments[] = {"keel", "ledger", "s", "--verify"};
  app.parse(static_cast<int>(std::size(arguments)), arguments);
  ::testing::internal::CaptureStdout();
  const absl::Status status = context.run();
  const std::string table = ::testing::internal::GetCapturedStdout();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(phases.asked_, ElementsAre(1, 2, 3));
  EXPECT_GT(phases.shortest_, absl::Minutes(50));
  // Header, two verdicts, and the phase without a result.
  const std::vector<std::string> lines =
      absl::StrSplit(table, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 4u) << table;
  const std::vector<std::string> skipped =
      absl::StrSplit(lines[3], ' ', absl::SkipEmpty());
  EXPECT_THAT(skipped,
              ElementsAre("@3", "2", "SKIPPED", "10", "100", "20", "30", "40"));
}

}  // namespace
}  // namespace keel
