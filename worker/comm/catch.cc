#include "worker/comm/catch.h"

#include <c10/util/Exception.h>

#include <new>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace keel {
namespace {

// LibTorch appends a stack trace after the first line of its message.
std::string FirstLine(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

absl::Status CatchStatus(absl::StatusCode code, const char* what,
                         const std::function<absl::Status()>& body) {
  try {
    return body();
  } catch (const c10::OutOfMemoryError& e) {
    return absl::ResourceExhaustedError(
        absl::StrCat(what, ": ", FirstLine(e.what_without_backtrace())));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(what, ": out of memory"));
  } catch (const c10::Error& e) {
    return absl::Status(
        code, absl::StrCat(what, ": ", FirstLine(e.what_without_backtrace())));
  } catch (const std::exception& e) {
    return absl::Status(code, absl::StrCat(what, ": ", FirstLine(e.what())));
  } catch (...) {
    return absl::Status(code, absl::StrCat(what, ": an unknown exception"));
  }
}

absl::Status Catch(absl::StatusCode code, const char* what,
                   const std::function<void()>& body) {
  return CatchStatus(code, what, [&] {
    body();
    return absl::OkStatus();
  });
}

}  // namespace keel
