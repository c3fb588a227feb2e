// Structured log lines on stderr:
//   2026-11-23T14:00:00.123Z INFO coordinator: phase formed stream=a phase=2
// Thread-safe; each line is one write.
#ifndef KEEL_COMMON_LOG_H_
#define KEEL_COMMON_LOG_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace keel {

// kNone is for SetLogLevel: no line has it.
enum class LogLevel { kDebug, kInfo, kWarning, kError, kNone };

// A field of a log line; values with blanks or quotes are quoted.
using LogField = std::pair<std::string_view, std::string>;

// Lines below `level` are dropped; kInfo at start.
void SetLogLevel(LogLevel level);
// What stands before each message: the process's name.
void SetLogName(std::string_view name);

void Log(LogLevel level, std::string_view message,
         std::initializer_list<LogField> fields = {});

inline void LogDebug(std::string_view m,
                     std::initializer_list<LogField> f = {}) {
  Log(LogLevel::kDebug, m, f);
}
inline void LogInfo(std::string_view m,
                    std::initializer_list<LogField> f = {}) {
  Log(LogLevel::kInfo, m, f);
}
inline void LogWarning(std::string_view m,
                       std::initializer_list<LogField> f = {}) {
  Log(LogLevel::kWarning, m, f);
}
inline void LogError(std::string_view m,
                     std::initializer_list<LogField> f = {}) {
  Log(LogLevel::kError, m, f);
}

}  // namespace keel

#endif  // KEEL_COMMON_LOG_H_
