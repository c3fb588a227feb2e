// A live line on stderr, on a terminal; nothing elsewhere.
#ifndef KEEL_COORDINATOR_CLIENT_PROGRESS_BAR_H_
#define KEEL_COORDINATOR_CLIENT_PROGRESS_BAR_H_

#include <string>

#include "absl/time/time.h"

namespace keel {

// What stderr can show.
struct TerminalStyle {
  // Lines that are written over. False: not a terminal, or TERM=dumb.
  bool live = false;
  // False too where NO_COLOR is set.
  bool color = false;
  int width = 80;
};
TerminalStyle DetectTerminal(int file_descriptor);

// "[#####-----]" of `width` characters in all.
std::string RenderBar(double fraction, int width);

// Not thread-safe. Clears its line when destroyed.
class ProgressBar {
 public:
  explicit ProgressBar(const TerminalStyle& style);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Shows `text`, cut to the terminal's width; at most ten times a second
  // unless `always`.
  void Show(const std::string& text, bool always = false);
  // "label [###---] 12 % 3.4 MiB/s 0:12"
  void ShowBytes(const std::string& label, int64_t done, int64_t total);
  // Takes the line away, so that others can write.
  void Clear();

 private:
  const TerminalStyle style_;
  const absl::Time start_;
  absl::Time last_shown_ = absl::InfinitePast();
  bool visible_ = false;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_PROGRESS_BAR_H_
