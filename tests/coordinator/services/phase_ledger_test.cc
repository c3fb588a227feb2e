// What the ledger says of a phase: its steps, its struck samples, the proof.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/services/phase_fixture.h"

namespace keel::testing {
namespace {

using ::testing::ElementsAre;

class PhaseLedgerTest : public PhaseFixture {};

TEST_F(PhaseLedgerTest, ProvesThatEverySampleWasTrained) {
  CreateSmallStream("s");
  auto worker = StartWorker();
  SubmitShard("s", "x");
  Await("s", 1, v1::Phase::PUBLISHED);
  const v1::LedgerVerdict verdict = Verify("s", 1);
  EXPECT_TRUE(verdict.ok()) << verdict.DebugString();
  EXPECT_EQ(verdict.due_count(), 20);
  EXPECT_EQ(verdict.trained_count(), 20);
}

TEST_F(PhaseLedgerTest, FindsAStepThatTrainedOtherSamples) {
  CreateSmallStream("s");
  auto worker = StartWorker({.wrong_hash_at = 3});
  SubmitShard("s", "x");
  Await("s", 1, v1::Phase::PUBLISHED);
  const v1::LedgerVerdict verdict = Verify("s", 1);
  EXPECT_FALSE(verdict.ok());
  EXPECT_EQ(verdict.wrong_step_count(), 1);
}

TEST_F(PhaseLedgerTest, HoldsAllEpochsAgainstTheLimitOfStruckSamples) {
  v1::StreamConfig config = SmallConfig();
  config.mutable_limits()->set_max_struck_fraction(0.1);
  ASSERT_TRUE(CreateStream(*stubs().streams, "s", config).ok());
  // One of ten in each epoch, but not the same one.
  auto worker = StartWorker({.struck_by_epoch = {0, 1}});
  SubmitShard("s", "x");
  EXPECT_EQ(Await("s", 1, v1::Phase::FAILED).reason(),
            "2 of 10 samples could not be decoded, more than the limit of "
            "10 %: samples 0 (IMAGE_DECODE), 1 (IMAGE_DECODE) "
            "[TOO_MANY_STRUCK]");
  EXPECT_EQ(GetStream("s").state(), v1::Stream::BLOCKED);
}

TEST_F(PhaseLedgerTest, CountsAStruckSampleOnceAgainstTheLimit) {
  v1::StreamConfig config = SmallConfig();
  config.mutable_limits()->set_max_struck_fraction(0.1);
  ASSERT_TRUE(CreateStream(*stubs().streams, "s", config).ok());
  auto worker = StartWorker({.struck_by_epoch = {3, 3}});
  SubmitShard("s", "x");
  const v1::Phase phase = Await("s", 1, v1::Phase::PUBLISHED);
  EXPECT_EQ(phase.accounting().struck_by_reason().at("IMAGE_DECODE"), 2);
  EXPECT_TRUE(Verify("s", 1).ok());
}

TEST_F(PhaseLedgerTest, ListsItsStepsInPages) {
  CreateSmallStream("s");
  auto worker = StartWorker();
  SubmitShard("s", "x");
  Await("s", 1, v1::Phase::PUBLISHED);
  v1::ListStepsRequest request;
  request.set_stream("s");
  request.set_phase(1);
  request.set_page_size(4);
  const auto next_page = [&] {
    grpc::ClientContext context;
    v1::ListStepsResponse page;
    EXPECT_TRUE(stubs().phases->ListSteps(&context, request, &page).ok());
    request.set_page_token(page.next_page_token());
    std::vector<int64_t> numbers;
    for (const v1::Step& step : page.steps()) numbers.push_back(step.number());
    return numbers;
  };
  EXPECT_THAT(next_page(), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(next_page(), ElementsAre(4, 5));
  EXPECT_EQ(request.page_token(), "");
  request.set_page_token("no page gave it");
  grpc::ClientContext context;
  v1::ListStepsResponse page;
  EXPECT_EQ(stubs().phases->ListSteps(&context, request, &page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(PhaseLedgerTest, RefusesToVerifyAPhaseThatHasNotTrained) {
  CreateSmallStream("s");
  SubmitShard("s", "x");
  Await("s", 1, v1::Phase::QUEUED);
  grpc::ClientContext context;
  v1::VerifyLedgerRequest request;
  request.set_stream("s");
  request.set_phase(1);
  v1::VerifyLedgerResponse response;
  EXPECT_EQ(
      stubs().phases->VerifyLedger(&context, request, &response).error_code(),
      grpc::StatusCode::FAILED_PRECONDITION);
}

}  // namespace
}  // namespace keel::testing
