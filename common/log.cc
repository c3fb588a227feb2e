#include "common/log.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/string_view.h"

namespace keel {
namespace {

std::atomic<LogLevel> g_level{LogLevel::kInfo};

// Lives until the process ends, so that threads may log while it does.
struct Name {
  absl::Mutex mu;
  std::string text ABSL_GUARDED_BY(mu);
};
Name& GlobalName() {
  static Name* const name = new Name;
  return *name;
}

absl::string_view LevelText(LogLevel level) {
  constexpr absl::string_view kTexts[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
  return kTexts[static_cast<int>(level)];
}

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

// Appends `text` without characters that would end the line or move a
// terminal's cursor; `quoted` escapes quotes too.
void AppendEscaped(std::string_view text, bool quoted, std::string* line) {
  for (char c : text) {
    if (c == '\n') {
      line->append("\\n");
    } else if (IsControl(c)) {
      absl::StrAppendFormat(line, "\\x%02x", static_cast<unsigned char>(c));
    } else {
      if (quoted && (c == '"' || c == '\\')) line->push_back('\\');
      line->push_back(c);
    }
  }
}

void AppendField(const LogField& field, std::string* line) {
  const std::string& value = field.second;
  absl::StrAppend(line, " ", ToAbsl(field.first), "=");
  const bool quoted =
      value.empty() || std::any_of(value.begin(), value.end(), [](char c) {
        return c == ' ' || c == '"' || c == '=' || IsControl(c);
      });
  if (quoted) line->push_back('"');
  AppendEscaped(value, quoted, line);
  if (quoted) line->push_back('"');
}

}  // namespace

void SetLogLevel(LogLevel level) { g_level = level; }

void SetLogName(std::string_view name) {
  Name& global = GlobalName();
  absl::MutexLock lock(&global.mu);
  global.text = std::string(name);
}

void Log(LogLevel level, std::string_view message,
         std::initializer_list<LogField> fields) {
  if (level < g_level.load(std::memory_order_relaxed)) return;
  std::string line =
      absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(),
                                    absl::UTCTimeZone()),
                   " ", LevelText(level), " ");
  {
    Name& global = GlobalName();
    absl::MutexLock lock(&global.mu);
    if (!global.text.empty()) absl::StrAppend(&line, global.text, ": ");
  }
  AppendEscaped(message, /*quoted=*/false, &line);
  for (const LogField& field : fields) AppendField(field, &line);
  line.push_back('\n');
  // A log that cannot be written is no reason to fail.
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace keel
