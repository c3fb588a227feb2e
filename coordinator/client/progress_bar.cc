#include "coordinator/client/progress_bar.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "coordinator/client/output.h"

namespace keel {
namespace {

constexpr absl::Duration kRedrawInterval = absl::Milliseconds(100);
constexpr int kProgressBarWidth = 24;

bool IsSet(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

TerminalStyle DetectTerminal(int file_descriptor) {
  TerminalStyle style;
  const char* term = std::getenv("TERM");
  style.live = isatty(file_descriptor) != 0 &&
               (term == nullptr || std::string_view(term) != "dumb");
  style.color = style.live && !IsSet("NO_COLOR");
  winsize size{};
  if (style.live && ioctl(file_descriptor, TIOCGWINSZ, &size) == 0 &&
      size.ws_col > 20) {
    style.width = size.ws_col;
  }
  return style;
}

std::string RenderBar(double fraction, int width) {
  const int cells = std::max(0, width - 2);
  const double share =
      std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0;
  const int full = static_cast<int>(share * cells);
  return absl::StrCat("[", std::string(full, '#'),
                      std::string(cells - full, '-'), "]");
}

ProgressBar::ProgressBar(const TerminalStyle& style)
    : style_(style), start_(absl::Now()) {}

ProgressBar::~ProgressBar() { Clear(); }

void ProgressBar::Show(const std::string& text, bool always) {
  if (!style_.live) return;
  const absl::Time now = absl::Now();
  if (!always && now - last_shown_ < kRedrawInterval) return;
  last_shown_ = now;
  visible_ = true;
  // The last column stays free: some terminals wrap when it is written.
  const std::string line = text.substr(0, style_.width - 1);
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
}

void ProgressBar::ShowBytes(const std::string& label, int64_t done,
                            int64_t total) {
  const double fraction =
      total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1.0;
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start_);
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0.0;
  Show(absl::StrCat(label, " ", RenderBar(fraction, kProgressBarWidth), " ",
                    FormatNumber(fraction * 100, 0), " %  ",
                    FormatBytes(static_cast<int64_t>(rate)), "/s"),
       done == total);
}

void ProgressBar::Clear() {
  if (!visible_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  visible_ = false;
}

}  // namespace keel
