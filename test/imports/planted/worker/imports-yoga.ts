export { createYoga } from 'graphql-yoga';
