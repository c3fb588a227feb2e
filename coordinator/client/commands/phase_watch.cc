#include "coordinator/client/commands/phase_watch.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status_macros.h"
#include "coordinator/client/phase_report.h"
#include "coordinator/client/phase_watcher.h"
#include "coordinator/client/progress_bar.h"

namespace keel {
namespace {

// Where the changes are shown.
class Display {
 public:
  explicit Display(bool json)
      : json_(json), style_(DetectTerminal(STDERR_FILENO)), bar_(style_) {}

  void Show(const v1::Phase& phase) {
    if (json_) return Print(ToJsonLine(phase));
    if (style_.live) return ShowLive(phase);
    if (thinner_.ShouldShow(phase, absl::Now())) Print(PhaseLine(phase, false));
  }
  void ShowLost(const absl::Status& error) {
    const std::string line = "the coordinator cannot be reached, trying again";
    if (style_.live) {
      bar_.Show(line, /*always=*/true);
    } else if (!lost_) {
      std::fprintf(stderr, "keel: %s\n", line.c_str());
    }
    lost_ = true;
  }

 private:
  void ShowLive(const v1::Phase& phase) {
    lost_ = false;
    if (phase.state() == v1::Phase::TRAINING) {
      return bar_.Show(PhaseLine(phase, true));
    }
    if (!thinner_.ShouldShow(phase, absl::InfinitePast())) return;
    bar_.Clear();
    Print(PhaseLine(phase, false));
  }

  const bool json_;
  const TerminalStyle style_;
  ProgressBar bar_;
  ReportThinner thinner_;
  bool lost_ = false;
};

}  // namespace

absl::Status WatchPhases(CommandContext& context, const std::string& stream,
                         int number) {
  Display display(context.json());
  PhaseWatcher::Options options;
  options.give_up_after = context.timeout();
  options.show = [&display](const v1::Phase& phase) { display.Show(phase); };
  options.lost = [&display](const absl::Status& error) {
    display.ShowLost(error);
  };
  PhaseWatcher watcher(context.client().phases(), options);
  const auto phase =
      number > 0 ? watcher.WatchOne(stream, number) : watcher.WatchAll(stream);
  if (!phase.ok()) return context.client().Explain(phase.status());
  if (EndedWell(*phase)) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      "phase ", phase->number(), " of ", stream, " ended ",
      v1::Phase::State_Name(phase->state()), ": ", phase->reason()));
}

}  // namespace keel
