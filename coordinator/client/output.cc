#include "coordinator/client/output.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/util/json_util.h"

namespace keel {
namespace {

constexpr int kGap = 2;

// Characters, not bytes: every byte but those inside a UTF-8 sequence.
size_t Width(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (c & 0xc0) != 0x80; });
}

void AppendCell(std::string& line, const std::string& cell, size_t width,
                bool right) {
  const std::string padding(width - std::min(width, Width(cell)), ' ');
  absl::StrAppend(&line, right ? padding : "", cell, right ? "" : padding);
}

std::string Json(const google::protobuf::Message& message, bool indented) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = indented;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &json, options);
  return status.ok() ? json : std::string("{}");
}

}  // namespace

Table::Table(std::vector<std::string> header) : header_(std::move(header)) {
  for (std::string& title : header_) {
    const bool right = !title.empty() && title[0] == '>';
    right_.push_back(right);
    if (right) title.erase(0, 1);
  }
}

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(header_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::ToString() const {
  std::vector<size_t> widths(header_.size());
  std::vector<const std::vector<std::string>*> lines{&header_};
  for (const auto& row : rows_) lines.push_back(&row);
  for (const auto* cells : lines) {
    for (size_t i = 0; i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], Width((*cells)[i]));
    }
  }
  std::string text;
  for (const auto* cells : lines) {
    std::string line;
    for (size_t i = 0; i < widths.size(); ++i) {
      if (i > 0) line.append(kGap, ' ');
      AppendCell(line, (*cells)[i], widths[i], right_[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string FieldList(
    const std::vector<std::pair<std::string, std::string>>& fields) {
  size_t width = 0;
  for (const auto& [name, value] : fields) width = std::max(width, Width(name));
  std::string text;
  for (const auto& [name, value] : fields) {
    std::string line = name + ":";
    line.append(width - Width(name) + kGap, ' ');
    absl::StrAppend(&text, line, value, "\n");
  }
  return text;
}

std::string ToJson(const google::protobuf::Message& message) {
  return Json(message, /*indented=*/true);
}

std::string ToJsonLine(const google::protobuf::Message& message) {
  return Json(message, /*indented=*/false);
}

void Print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (text.empty() || text.back() != '\n') std::fputc('\n', stdout);
  std::fflush(stdout);
}

std::string FormatCount(int64_t count) {
  std::string digits = std::to_string(count);
  const int first = digits[0] == '-' ? 1 : 0;
  for (int i = static_cast<int>(digits.size()) - 3; i > first; i -= 3) {
    digits.insert(i, ",");
  }
  return digits;
}

std::string FormatBytes(int64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? absl::StrCat(bytes, " B")
                   : absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string FormatPercent(double ratio) { return FormatNumber(ratio * 100, 1); }

std::string FormatNumber(double value, int digits) {
  return absl::StrFormat("%.*f", digits, value);
}

std::string FormatTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S",
                          absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

std::string FormatSeconds(double seconds) {
  const int64_t whole = std::llround(std::max(0.0, seconds));
  const int64_t hours = whole / 3600;
  const int minutes = static_cast<int>(whole / 60 % 60);
  const int rest = static_cast<int>(whole % 60);
  return hours > 0 ? absl::StrFormat("%d:%02d:%02d", hours, minutes, rest)
                   : absl::StrFormat("%d:%02d", minutes, rest);
}

}  // namespace keel
