// @generated from file grpc/reflection/v1alpha/reflection.proto (package grpc.reflection.v1alpha), do not edit

/** What the contract says of its services, methods, messages, fields and enums, by full name. */
export const comments: ReadonlyMap<string, string> = new Map([
  ["grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo", "The reflection service is structured as a bidirectional stream, ensuring all related requests go to a single server."],
  ["grpc.reflection.v1alpha.ServerReflectionRequest", "The message sent by the client when calling ServerReflectionInfo method."],
  ["grpc.reflection.v1alpha.ServerReflectionRequest.file_by_filename", "Find a proto file by the file name."],
  ["grpc.reflection.v1alpha.ServerReflectionRequest.file_containing_symbol", "Find the proto file that declares the given fully-qualified symbol name. This field should be a fully-qualified symbol name (e.g. <package>.<service>[.<method>] or <package>.<type>)."],
  ["grpc.reflection.v1alpha.ServerReflectionRequest.file_containing_extension", "Find the proto file which defines an extension extending the given message type with the given field number."],
  ["grpc.reflection.v1alpha.ServerReflectionRequest.all_extension_numbers_of_type", "Finds the tag numbers used by all known extensions of the given message type, and appends them to ExtensionNumberResponse in an undefined order. Its corresponding method is best-effort: it's not guaranteed that the reflection service will implement this method, and it's not guaranteed that this method will provide all extensions. Returns StatusCode::UNIMPLEMENTED if it's not implemented. This field should be a fully-qualified type name. The format is <package>.<type>"],
  ["grpc.reflection.v1alpha.ServerReflectionRequest.list_services", "List the full names of registered services. The content will not be checked."],
  ["grpc.reflection.v1alpha.ExtensionRequest", "The type name and extension number sent by the client when requesting file_containing_extension."],
  ["grpc.reflection.v1alpha.ExtensionRequest.containing_type", "Fully-qualified type name. The format should be <package>.<type>"],
  ["grpc.reflection.v1alpha.ServerReflectionResponse", "The message sent by the server to answer ServerReflectionInfo method."],
  ["grpc.reflection.v1alpha.ServerReflectionResponse.file_descriptor_response", "This message is used to answer file_by_filename, file_containing_symbol, file_containing_extension requests with transitive dependencies. As the repeated label is not allowed in oneof fields, we use a FileDescriptorResponse message to encapsulate the repeated fields. The reflection service is allowed to avoid sending FileDescriptorProtos that were previously sent in response to earlier requests in the stream."],
  ["grpc.reflection.v1alpha.ServerReflectionResponse.all_extension_numbers_response", "This message is used to answer all_extension_numbers_of_type requst."],
  ["grpc.reflection.v1alpha.ServerReflectionResponse.list_services_response", "This message is used to answer list_services request."],
  ["grpc.reflection.v1alpha.ServerReflectionResponse.error_response", "This message is used when an error occurs."],
  ["grpc.reflection.v1alpha.FileDescriptorResponse", "Serialized FileDescriptorProto messages sent by the server answering a file_by_filename, file_containing_symbol, or file_containing_extension request."],
  ["grpc.reflection.v1alpha.FileDescriptorResponse.file_descriptor_proto", "Serialized FileDescriptorProto messages. We avoid taking a dependency on descriptor.proto, which uses proto2 only features, by making them opaque bytes instead."],
  ["grpc.reflection.v1alpha.ExtensionNumberResponse", "A list of extension numbers sent by the server answering all_extension_numbers_of_type request."],
  ["grpc.reflection.v1alpha.ExtensionNumberResponse.base_type_name", "Full name of the base type, including the package name. The format is <package>.<type>"],
  ["grpc.reflection.v1alpha.ListServiceResponse", "A list of ServiceResponse sent by the server answering list_services request."],
  ["grpc.reflection.v1alpha.ListServiceResponse.service", "The information of each service may be expanded in the future, so we use ServiceResponse message to encapsulate it."],
  ["grpc.reflection.v1alpha.ServiceResponse", "The information of a single service used by ListServiceResponse to answer list_services request."],
  ["grpc.reflection.v1alpha.ServiceResponse.name", "Full name of a registered service, including its package name. The format is <package>.<service>"],
  ["grpc.reflection.v1alpha.ErrorResponse", "The error code and error message sent by the server when an error occurs."],
  ["grpc.reflection.v1alpha.ErrorResponse.error_code", "This field uses the error codes defined in grpc::StatusCode."],
]);
