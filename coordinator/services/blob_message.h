// Messages that are stored as blobs. Thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_BLOB_MESSAGE_H_
#define KEEL_COORDINATOR_SERVICES_BLOB_MESSAGE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/blob_store.h"

namespace keel {

// True of the errors of a blob that the disk has changed or lost.
inline bool IsLost(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsNotFound(status);
}

// Errors as BlobStore::ReadVerified; DATA_LOSS also if the bytes do not parse.
template <typename Message>
absl::StatusOr<Message> ReadMessage(BlobStore& blobs,
                                    const std::string& digest) {
  KEEL_ASSIGN_OR_RETURN(std::string bytes, blobs.ReadVerified(digest));
  Message message;
  if (message.ParseFromString(bytes)) return message;
  return absl::DataLossError(absl::StrCat("blob ", digest, " does not parse"));
}

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_BLOB_MESSAGE_H_
