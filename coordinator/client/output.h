// What the command line prints on stdout: aligned tables for people, JSON for
// scripts. Pure but for Print. Thread-safe.
#ifndef KEEL_COORDINATOR_CLIENT_OUTPUT_H_
#define KEEL_COORDINATOR_CLIENT_OUTPUT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"

namespace keel {

enum class OutputFormat { kTable, kJson };

// A table of text. Columns are as wide as their widest cell, in characters;
// those that start with '>' in the header are set to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  // Missing cells are empty.
  void AddRow(std::vector<std::string> cells);
  // With a line end after each row; no blanks at a line's end.
  std::string ToString() const;

 private:
  std::vector<std::string> header_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

// "name:   value" lines with the values aligned.
std::string FieldList(
    const std::vector<std::pair<std::string, std::string>>& fields);

// The message as indented JSON with the protos' field names; every field is
// there, also with its default. (64-bit integers are strings, as in all
// protobuf JSON.)
std::string ToJson(const google::protobuf::Message& message);
// The same on one line.
std::string ToJsonLine(const google::protobuf::Message& message);

// Writes `text` to stdout, with a line end if it has none.
void Print(std::string_view text);

// 12345678 -> "12,345,678"
std::string FormatCount(int64_t count);
// 1536 -> "1.5 KiB"
std::string FormatBytes(int64_t bytes);
// 0.1234 -> "12.3"
std::string FormatPercent(double ratio);
// With `digits` behind the point.
std::string FormatNumber(double value, int digits);
// "-" if it is not set; UTC.
std::string FormatTime(const google::protobuf::Timestamp& time);
// 3723 s -> "1:02:03"
std::string FormatSeconds(double seconds);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_OUTPUT_H_
