#include "coordinator/client/commands/recall_list.h"

#include "common/status_macros.h"

namespace keel {

absl::StatusOr<std::vector<v1::Recall>> ListRecalls(CommandContext& context,
                                                    const std::string& stream) {
  v1::ListRecallsRequest request;
  request.set_stream(stream);
  KEEL_ASSIGN_OR_RETURN(
      const v1::ListRecallsResponse response,
      context.client().List(context.client().phases(),
                            &v1::PhaseService::Stub::ListRecalls, request,
                            [](auto& page) { return page.mutable_recalls(); }));
  return std::vector<v1::Recall>(response.recalls().begin(),
                                 response.recalls().end());
}

}  // namespace keel
