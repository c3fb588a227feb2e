#include "coordinator/client/phase_report.h"

#include "gtest/gtest.h"

namespace keel {
namespace {

v1::Phase Training() {
  v1::Phase phase;
  phase.set_stream("animals");
  phase.set_number(2);
  phase.set_state(v1::Phase::TRAINING);
  phase.set_step_count(320);
  phase.set_committed_step_count(80);
  v1::Progress* progress = phase.mutable_progress();
  progress->set_step(80);
  progress->set_samples_per_second(812.4);
  progress->set_loss_total(3.2109);
  progress->set_learning_rate(4.8e-4);
  progress->set_remaining_seconds(45);
  return phase;
}

TEST(PhaseLineTest, ShowsStepsFiguresAndTimeLeft) {
  EXPECT_EQ(PhaseLine(Training(), /*bar=*/false),
            "animals@2 TRAINING 80/320 812 samples/s, loss 3.211, lr 4.8e-04, "
            "0:45 left");
}

TEST(PhaseLineTest, ShowsABarAndTheLossesParts) {
  v1::Phase phase = Training();
  phase.mutable_progress()->set_loss_contrastive(3.1);
  phase.mutable_progress()->set_loss_distill(0.111);
  EXPECT_EQ(PhaseLine(phase, /*bar=*/true),
            "animals@2 TRAINING 80/320 [####--------------] 812 samples/s, "
            "loss 3.211 (contrastive 3.100, distill 0.111), lr 4.8e-04, "
            "0:45 left");
}

TEST(PhaseLineTest, ShowsTheRowsKeptAndMarksFew) {
  v1::Phase phase = Training();
  phase.mutable_progress()->set_mean_teacher_agreement(0.614);
  EXPECT_EQ(PhaseLine(phase, /*bar=*/false),
            "animals@2 TRAINING 80/320 812 samples/s, loss 3.211, rows kept "
            "61 %, lr 4.8e-04, 0:45 left");
  phase.mutable_progress()->set_mean_teacher_agreement(0.099);
  EXPECT_EQ(PhaseLine(phase, /*bar=*/false),
            "animals@2 TRAINING 80/320 812 samples/s, loss 3.211, rows kept "
            "9 % (few), lr 4.8e-04, 0:45 left");
}

TEST(PhaseLineTest, LeavesOutFiguresBeforeTheFirstStep) {
  v1::Phase phase = Training();
  phase.clear_progress();
  EXPECT_EQ(PhaseLine(phase, false), "animals@2 TRAINING 80/320");
}

TEST(PhaseLineTest, GivesTheReasonOfOtherStates) {
  v1::Phase phase = Training();
  phase.set_state(v1::Phase::FAILED);
  phase.set_reason("too many struck samples");
  EXPECT_EQ(PhaseLine(phase, true),
            "animals@2 FAILED: too many struck samples");
}

TEST(ReportThinnerTest, ShowsEveryChangeOfTheStateAndProgressNowAndThen) {
  const absl::Time start = absl::FromUnixSeconds(1'000'000);
  ReportThinner thinner;
  v1::Phase phase = Training();
  EXPECT_TRUE(thinner.ShouldShow(phase, start));
  EXPECT_FALSE(thinner.ShouldShow(phase, start + absl::Seconds(1.9)));
  EXPECT_TRUE(thinner.ShouldShow(phase, start + absl::Seconds(2)));
  phase.set_state(v1::Phase::EVALUATING);
  EXPECT_TRUE(thinner.ShouldShow(phase, start + absl::Seconds(2)));
  phase.set_number(3);
  EXPECT_TRUE(thinner.ShouldShow(phase, start + absl::Seconds(2)));
  phase.set_attempt(2);
  EXPECT_TRUE(thinner.ShouldShow(phase, start + absl::Seconds(2)));
  EXPECT_FALSE(thinner.ShouldShow(phase, start + absl::Seconds(2)));
}

}  // namespace
}  // namespace keel
