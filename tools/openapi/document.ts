/** The part of an OpenAPI 3.1 document that is generated. */
export interface OpenApiDocument {
  readonly openapi: "3.1.1";
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description: string;
    readonly license: { readonly name: string; readonly identifier: string };
  };
  readonly servers: readonly { readonly url: string; readonly description: string }[];
  /** Alternatives, each a set of schemes by name; an empty set allows anonymous calls. */
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly securitySchemes: Readonly<Record<string, SecurityScheme>>;
  };
}

interface SecurityScheme {
  readonly type: "mutualTLS";
  readonly description: string;
}

/** Operations by HTTP method, in lower case. */
export type PathItem = Readonly<Record<string, Operation>>;

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  /** Responses by status. */
  readonly responses: Readonly<Record<string, Response>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Schema;
  /** The parameter extends to the end of the path and may contain slashes, which OpenAPI cannot express. */
  readonly "x-multi-segment"?: true;
}

export interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, Header>>;
  readonly content?: Content;
  /** The content of a response that is empty unless Accept prefers it, which OpenAPI cannot express. */
  readonly "x-content-if-accepted"?: Content;
}

export interface Header {
  readonly description: string;
  readonly schema: Schema;
}

/** Content by media type. */
export type Content = Readonly<Record<string, MediaType>>;

interface MediaType {
  readonly schema?: Schema;
  /** The schema of each event's data in a stream, which OpenAPI 3.1 cannot express. */
  readonly "x-item-schema"?: Schema;
}

/** A JSON Schema of draft 2020-12. */
export type Schema = Readonly<Record<string, unknown>>;
