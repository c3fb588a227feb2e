#include "coordinator/client/phase_report.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "coordinator/client/output.h"
#include "coordinator/client/progress_bar.h"

namespace keel {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(2);
constexpr int kBarWidth = 20;
// Below it the alignment hardly counts.
constexpr double kFewPercent = 10;

// Rank 0 reports steps before the ledger has them: the larger one is shown.
int64_t StepsDone(const v1::Phase& phase) {
  return std::max(phase.committed_step_count(), phase.progress().step());
}

std::string Figures(const v1::Progress& progress) {
  std::string text =
      absl::StrFormat(" %.0f samples/s, loss %.3f",
                      progress.samples_per_second(), progress.loss_total());
  if (progress.loss_distill() != 0) {
    absl::StrAppendFormat(&text, " (contrastive %.3f, distill %.3f)",
                          progress.loss_contrastive(), progress.loss_distill());
  }
  if (progress.has_mean_teacher_agreement()) {
    const double percent = std::floor(100 * progress.mean_teacher_agreement());
    absl::StrAppendFormat(&text, ", rows kept %.0f %%%s", percent,
                          percent < kFewPercent ? " (few)" : "");
  }
  absl::StrAppendFormat(&text, ", lr %.1e, %s left", progress.learning_rate(),
                        FormatSeconds(progress.remaining_seconds()));
  return text;
}

}  // namespace

std::string PhaseLine(const v1::Phase& phase, bool bar) {
  std::string line = absl::StrCat(phase.stream(), "@", phase.number(), " ",
                                  v1::Phase::State_Name(phase.state()));
  if (phase.state() == v1::Phase::TRAINING && phase.step_count() > 0) {
    const int64_t done = StepsDone(phase);
    absl::StrAppend(&line, " ", done, "/", phase.step_count());
    if (bar) {
      absl::StrAppend(&line, " ",
                      RenderBar(static_cast<double>(done) /
                                    static_cast<double>(phase.step_count()),
                                kBarWidth));
    }
    if (phase.progress().step() > 0) line += Figures(phase.progress());
  } else if (!phase.reason().empty()) {
    absl::StrAppend(&line, ": ", phase.reason());
  }
  return line;
}

bool ReportThinner::ShouldShow(const v1::Phase& phase, absl::Time now) {
  const bool changed = phase.number() != number_ ||
                       phase.attempt() != attempt_ || phase.state() != state_;
  if (!changed && now - last_ < kInterval) return false;
  number_ = phase.number();
  attempt_ = phase.attempt();
  state_ = phase.state();
  last_ = now;
  return true;
}

}  // namespace keel
