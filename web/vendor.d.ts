// Libraries that the build copies to vendor/.
declare module '*/vendor/mediabunny.mjs' {
  export * from 'mediabunny';
}
declare module '*/vendor/fflate.mjs' {
  export * from 'fflate';
}
